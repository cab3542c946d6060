// From what the page has to a job, and from a job to lines for other programs. Pure.

// A side as jobs name it: what the service adds about it is left out.
function side(model) {
  if (!model) return undefined;
  const { key, prices, size, ...client } = model;
  return client;
}


/** Without what is undefined. */
const filled = (object) => Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
function pricesOf(model) {
  if (!model?.prices) return undefined;
  const { input, cached_input, output } = model.prices;
  return { input, cached_input, output };
}

// Nothing in place of an empty object or list.
const orNothing = (object) => (Object.keys(object).length ? object : undefined);

/** The job of a draft. `before` are the runs of the conversation so far, `history` what was said in them. */
export function jobOf(draft, files, { protocol = draft.protocol, history, before = [] } = {}) {
  return filled({
    local_client: side(draft.worker),
    remote_client: side(draft.supervisor),
    protocol: {
      type: protocol,
      max_rounds: Number(draft.rounds),
      kwargs: filled({ is_multi_turn: true, prices: pricesOf(draft.supervisor) }),
    },
    call_params: filled({
      task: draft.task.trim(),
      file_ids: orNothing(files.flatMap(({ id, texts }) => (texts ? [] : [id]))),
      context: orNothing(files.flatMap(({ texts }) => texts ?? [])),
      doc_metadata: draft.about.trim() || undefined,
      use_retrieval: draft.retrieval && ['minions', 'auto'].includes(protocol) ? 'bm25' : undefined,
      history,
    }),
    budget: orNothing(filled({
      egress_bytes: draft.bytes === '' ? undefined : Number(draft.bytes),
      deadline_s: draft.seconds === '' ? undefined : Number(draft.seconds),
    })),
    metadata: before.length ? { before } : undefined,
  });
}

/** The draft and the files' ids that a job came from. */
export function draftOf(job) {
  const { call_params: params = {}, protocol = {}, budget = {} } = job;
  return {
    draft: {
      task: params.task ?? '', protocol: protocol.type ?? 'minion', about: params.doc_metadata ?? '',
      rounds: protocol.max_rounds ?? 3, retrieval: params.use_retrieval === 'bm25',
      bytes: budget.egress_bytes ?? '', seconds: budget.deadline_s ?? '',
      ...(job.local_client?.model_name ? { worker: job.local_client } : {}),
      ...(job.remote_client?.model_name ? { supervisor: job.remote_client } : {}),
    },
    files: params.file_ids ?? [],
    texts: [params.context ?? []].flat(),
  };
}

export const asJson = (job) => JSON.stringify(job, null, 2);

/** `isGuarded`: the service wants a token, which is never copied; the lines read it from a variable. */
export function asCurl(job, isGuarded) {
  const body = asJson(job).replaceAll("'", "'\\''");
  const token = isGuarded ? '  -H "Authorization: Bearer $MINIONS_TOKEN" \\\n' : '';
  return `curl -sS ${location.origin}/v1/minions \\\n${token}  -H 'Content-Type: application/json' \\\n  -d '${body}' | jq -r .result.final_answer`;
}

export function asPython(job, isGuarded) {
  const text = JSON.stringify(asJson(job));
  const token = isGuarded ? ', "Authorization": "Bearer " + os.environ["MINIONS_TOKEN"]' : '';
  return `import json, ${isGuarded ? 'os, ' : ''}urllib.request

job = json.loads(${text})
request = urllib.request.Request(
    "${location.origin}/v1/minions",
    json.dumps(job).encode(),
    {"Content-Type": "application/json"${token}},
)
envelope = json.load(urllib.request.urlopen(request))
print(envelope["result"]["final_answer"])
`;
}
