// Scripted models behind OpenAI's dialect: `worker` reads a part and cites it, any other model is the supervisor.
import http from 'node:http';

const PROGRAM = `def prepare_jobs(context, prev_job_manifests, prev_job_outputs):
    task = "What was the operating margin, and of which year?"
    return [JobManifest(chunk=doc[at:at + 1500], task=task, advice="Give the year.") for doc in context for at in range(0, len(doc), 1500)]
`;

/** So many jobs: parts of 60 characters, of which each has two tasks. */
export const manyJobs = (number) => `def prepare_jobs(context, prev_job_manifests, prev_job_outputs):
    tasks = ["What was the operating margin?", "Of which year?"]
    return [JobManifest(chunk=context[0][at * 60:at * 60 + 60], task=task, advice="") for task in tasks for at in range(${number / 2})]
`;

const json = (value) => JSON.stringify(value);
const wait = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

/** Starts them; a test changes `script` as it goes. */
export async function startModels() {
  const script = {
    program: PROGRAM, answer: 'The margin **fell** by 1.8 points, from 14.1% in 2022 to 12.3% in 2023.', supervisorMs: 20, workerMs: 5, open: 0, calls: 0, ends: [],
    worker(part) {
      const [sentence] = /[^.]*operating margin of [^.]*\.\d%[^.]*\./.exec(part) ?? [];
      return sentence ? { explanation: 'It says so.', citation: sentence.trim(), answer: 'see there' } : { explanation: 'Nothing here.', citation: null, answer: null };
    },
  };
  const supervisor = (text) => {
    if (text.includes('<message>')) return json({ refers_to: 'the margin', task: 'What was the operating margin in 2021?' });
    if (text.includes('Write a Python program')) return `Parts of the report, one after the other.\n\n\`\`\`python\n${script.program}\`\`\``;
    if (text.includes('You can send at most') && !text.includes('<reply>')) return json({ reasoning: 'Two figures decide.', message: 'What was the operating margin in 2022 and in 2023?' });
    return json({ explanation: 'The two quotes say it.', decision: 'provide_final_answer', answer: script.answer, citations: [], message: null, feedback: null, scratchpad: null });
  };
  const reply = (body) => {
    const text = body.messages.map(({ content }) => (typeof content === 'string' ? content : json(content))).join('\n');
    if (body.model !== 'worker') return supervisor(text);
    const part = /<part>\n([\s\S]*)\n<\/part>/.exec(text)?.[1];
    return part === undefined ? 'In 2023 it was 12.3%, in 2022 14.1%.' : json(script.worker(part));
  };
  const server = http.createServer(async (request, response) => {
    const give = (value) => { response.writeHead(200, { 'content-type': 'application/json' }); response.end(json(value)); };
    if (request.method === 'GET') {
      give({ object: 'list', data: [{ id: 'worker', object: 'model' }] });
      return;
    }
    let body = '';
    for await (const part of request) body += part;
    const asked = JSON.parse(body);
    script.calls += 1;
    script.open += 1;
    response.on('close', () => { script.open -= 1; });
    await wait(asked.model === 'worker' ? script.workerMs : script.supervisorMs);
    const content = reply(asked);
    if (asked.model === 'worker') script.ends.push(Date.now());
    const usage = { prompt_tokens: Math.round(body.length / 4), completion_tokens: Math.round(content.length / 4), total_tokens: Math.round((body.length + content.length) / 4) };
    if (!asked.stream) {
      give({ id: 'x', object: 'chat.completion', model: asked.model, choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }], usage });
      return;
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const chunk = (delta, finish, more = {}) => response.write(`data: ${json({ id: 'x', object: 'chat.completion.chunk', model: asked.model, choices: [{ index: 0, delta, finish_reason: finish }], ...more })}\n\n`);
    const size = Math.max(12, Math.ceil(content.length / 40));
    for (let at = 0; at < content.length; at += size) {
      chunk({ content: content.slice(at, at + size) }, null);
      if (asked.model !== 'worker') await wait(script.supervisorMs / 20);
    }
    chunk({}, 'stop', { usage });
    response.end('data: [DONE]\n\n');
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  return { script, url: `http://127.0.0.1:${server.address().port}`, stop: () => { server.closeAllConnections(); server.close(); } };
}
