//! The functions of the child that the code can call: the chunkers, the search, and those of the prelude.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::mem;

use monty_types::{ExcType, MontyException, MontyObject};

use super::{
    arguments::bind,
    ask::Ask,
    exceptions::{exception, type_error},
    retrieval::retrieve,
};
use minions_documents as documents;

use crate::{CodeError, SandboxLimits, Search, wire::Manifest};

/// The names of the functions in the code's scope, but for the search.
pub(super) const HOST_FUNCTIONS: &[&str] = &[
    "chunk_by_section",
    "chunk_by_page",
    "chunk_by_paragraph",
    "chunk_by_code",
    "chunk_by_function_and_class",
    "_minions_reject",
    "_minions_count",
    "_minions_emit",
    "_minions_text",
];

/// The values that the code handed over in a call.
#[derive(Default)]
pub(super) struct Collected {
    /// The manifests from `prepare_jobs`.
    pub manifests: Vec<Manifest>,
    /// The distinct chunks of the manifests, or the text of `transform_outputs`.
    pub texts: Vec<String>,
    /// The `include` flags after `transform_outputs`.
    pub include: Vec<Option<bool>>,
}

/// A value or an exception for the code, or an error that ends the session.
type Answer = Result<Result<MontyObject, MontyException>, CodeError>;

/// Answers calls, and collects what the code hands over.
pub(super) struct Functions {
    limits: SandboxLimits,
    search: Search,
    manifests: Vec<Manifest>,
    /// The distinct chunks, each with its index.
    chunks: HashMap<String, usize>,
    chunk_bytes: usize,
    /// Bytes of the distinct chunks, and of tasks and advice.
    distinct_bytes: usize,
    instruction_bytes: usize,
    text: Option<String>,
    include: Vec<Option<bool>>,
}

impl Functions {
    pub(super) fn new(limits: SandboxLimits, search: Search) -> Self {
        Self {
            limits,
            search,
            manifests: Vec::new(),
            chunks: HashMap::new(),
            chunk_bytes: 0,
            distinct_bytes: 0,
            instruction_bytes: 0,
            text: None,
            include: Vec::new(),
        }
    }

    /// The values collected since the last call of this function.
    pub(super) fn take(&mut self) -> Collected {
        (self.chunk_bytes, self.distinct_bytes, self.instruction_bytes) = (0, 0, 0);
        let mut texts = vec![String::new(); self.chunks.len()];
        self.chunks.drain().for_each(|(chunk, index)| texts[index] = chunk);
        texts.extend(self.text.take());
        Collected { manifests: mem::take(&mut self.manifests), texts, include: mem::take(&mut self.include) }
    }

    /// Answers one call of a name in [`HOST_FUNCTIONS`], or of the search.
    pub(super) fn call(
        &mut self,
        name: &str,
        args: Vec<MontyObject>,
        kwargs: Vec<(MontyObject, MontyObject)>,
        ask: &mut Ask,
    ) -> Answer {
        match name {
            "_minions_reject" => Err(self.reject(args)),
            "_minions_count" => self.count(&args).map(|()| Ok(MontyObject::None)),
            "_minions_emit" => self.emit(args).map(|()| Ok(MontyObject::None)),
            "_minions_text" => self.finish(args).map(|()| Ok(MontyObject::None)),
            chunker if HOST_FUNCTIONS.contains(&chunker) => Ok(chunk(chunker, args, kwargs)),
            search if Some(search) == self.search.function() => {
                Ok(retrieve(search, self.search, self.limits.distinct_chunks, args, kwargs, ask))
            }
            // The interpreter asks the host for every name that it cannot find.
            other => Ok(Err(exception(ExcType::NameError, &format!("name '{other}' is not defined")))),
        }
    }

    fn reject(&self, args: Vec<MontyObject>) -> CodeError {
        match args.into_iter().next() {
            Some(MontyObject::String(message)) => raised(format!("TypeError: {message}")),
            _ => raised("TypeError: not for the code to call".to_owned()),
        }
    }

    fn count(&self, args: &[MontyObject]) -> Result<(), CodeError> {
        let max = self.limits.jobs;
        match args {
            [MontyObject::Int(got)] => match usize::try_from(*got) {
                Ok(got) if got > max => Err(CodeError::TooManyJobs { got, max }),
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// Takes one manifest: the name of its type, chunk, task and advice. `...` stands for a missing field.
    fn emit(&mut self, args: Vec<MontyObject>) -> Result<(), CodeError> {
        let Ok([MontyObject::String(kind), chunk, task, advice]) = <[MontyObject; 4]>::try_from(args) else {
            return Err(raised("TypeError: not for the code to call".to_owned()));
        };
        let (index, max) = (self.manifests.len(), self.limits.jobs);
        if index == max {
            return Err(CodeError::TooManyJobs { got: max + 1, max });
        }
        if matches!((&chunk, &task), (MontyObject::Ellipsis, MontyObject::Ellipsis)) {
            let message = format!("TypeError: prepare_jobs()[{index}] is a {kind}, not a JobManifest");
            return Err(raised(message));
        }
        let text = |field: &str, value: MontyObject| match value {
            MontyObject::String(text) => Ok(text),
            MontyObject::Ellipsis => {
                Err(raised(format!("TypeError: prepare_jobs()[{index}] has no {field}")))
            }
            other => {
                let kind = other.type_name();
                Err(raised(format!("TypeError: prepare_jobs()[{index}].{field} must be a str, not {kind}")))
            }
        };
        let chunk = text("chunk", chunk)?;
        let task = text("task", task)?;
        let advice =
            if matches!(advice, MontyObject::None) { String::new() } else { text("advice", advice)? };
        within("the text of all chunks together", &mut self.chunk_bytes, chunk.len(), self.limits.chunks)?;
        let instructions = task.len() + advice.len();
        within(
            "the text of all tasks and advice together",
            &mut self.instruction_bytes,
            instructions,
            self.limits.instructions,
        )?;
        let next = self.chunks.len();
        let chunk = match self.chunks.entry(chunk) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(new) => {
                let what =
                    "the text of all distinct chunks together, which are to be cut from the documents,";
                let bytes = new.key().len();
                within(what, &mut self.distinct_bytes, bytes, self.limits.distinct_chunks)?;
                *new.insert(next)
            }
        };
        self.manifests.push(Manifest { chunk, task, advice, ids: [None; 3] });
        Ok(())
    }

    fn finish(&mut self, args: Vec<MontyObject>) -> Result<(), CodeError> {
        let Ok([MontyObject::String(text), MontyObject::List(include)]) = <[MontyObject; 2]>::try_from(args)
        else {
            return Err(raised("TypeError: not for the code to call".to_owned()));
        };
        let max = self.limits.output;
        if text.len() > max {
            return Err(CodeError::TooLarge {
                what: "the text of transform_outputs".to_owned(),
                got: text.len(),
                max,
            });
        }
        self.text = Some(text);
        self.include = include
            .into_iter()
            .map(|flag| if let MontyObject::Bool(flag) = flag { Some(flag) } else { None })
            .collect();
        Ok(())
    }
}

/// Adds `more` bytes to the sum, which may not exceed `max`.
fn within(what: &str, sum: &mut usize, more: usize, max: usize) -> Result<(), CodeError> {
    *sum += more;
    if *sum > max { Err(CodeError::TooLarge { what: what.to_owned(), got: *sum, max }) } else { Ok(()) }
}

fn raised(message: String) -> CodeError {
    CodeError::Raised { message, printed: String::new() }
}

/// Answers a call of a chunker.
fn chunk(
    name: &str,
    args: Vec<MontyObject>,
    kwargs: Vec<(MontyObject, MontyObject)>,
) -> Result<MontyObject, MontyException> {
    use documents::{PARAGRAPH_SIZE, SECTION_OVERLAP, SECTION_SIZE};
    let parameters: &[&str] = match name {
        "chunk_by_section" => &["doc", "max_chunk_size", "overlap"],
        "chunk_by_page" => &["doc", "page_markers"],
        "chunk_by_paragraph" => &["doc", "max_chunk_size", "overlap_sentences"],
        "chunk_by_code" => &["doc", "functions_per_chunk"],
        _ => &["doc"],
    };
    let mut values = bind(name, parameters, args, kwargs)?.into_iter();
    let mut next = || values.next().flatten();
    let doc = match next() {
        Some(MontyObject::String(doc)) => doc,
        Some(other) => {
            return Err(type_error(format!("{name}(): doc must be a str, not {}", other.type_name())));
        }
        None => return Err(type_error(format!("{name}() missing 1 required positional argument: 'doc'"))),
    };
    let mut number = |position: usize, default: usize| match next() {
        None | Some(MontyObject::None) => Ok(default),
        Some(MontyObject::Int(number)) => usize::try_from(number).map_err(|_| {
            exception(ExcType::ValueError, &format!("{name}(): {} is negative", parameters[position]))
        }),
        Some(other) => Err(type_error(format!(
            "{name}(): {} must be an int, not {}",
            parameters[position],
            other.type_name()
        ))),
    };
    let chunks = match name {
        "chunk_by_section" => {
            let (size, overlap) = (number(1, SECTION_SIZE)?, number(2, SECTION_OVERLAP)?);
            documents::chunk_by_section(&doc, size, overlap).map(strings)
        }
        "chunk_by_paragraph" => {
            let (size, overlap) = (number(1, PARAGRAPH_SIZE)?, number(2, 0)?);
            documents::chunk_by_paragraph(&doc, size, overlap).map(strings)
        }
        "chunk_by_page" => documents::chunk_by_page(&doc, markers(next())?.as_deref()).map(strings),
        "chunk_by_code" => Ok(strings(documents::chunk_by_code(&doc, number(1, 1)?))),
        _ => Ok(strings(documents::chunk_by_function_and_class(&doc))),
    };
    chunks.map_err(|error| exception(ExcType::ValueError, &format!("{name}(): {error}")))
}

fn strings(chunks: Vec<impl Into<String>>) -> MontyObject {
    MontyObject::List(chunks.into_iter().map(|chunk| MontyObject::String(chunk.into())).collect())
}

fn markers(value: Option<MontyObject>) -> Result<Option<Vec<String>>, MontyException> {
    let wrong = || type_error("chunk_by_page(): page_markers must be a list of str".to_owned());
    match value {
        None | Some(MontyObject::None) => Ok(None),
        Some(MontyObject::List(markers)) => {
            let text = |marker| if let MontyObject::String(text) = marker { Ok(text) } else { Err(wrong()) };
            markers.into_iter().map(text).collect::<Result<_, _>>().map(Some)
        }
        Some(_) => Err(wrong()),
    }
}
