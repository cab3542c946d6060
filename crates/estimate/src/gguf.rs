//! A GGUF file's header, read without llama.cpp (whose getters abort on an unexpected type).
//!
//! In: a path. Out: a [`Header`]: metadata and the sizes of tensors, or the reason why the file cannot be a chat model.
//! Layout after ggml's `docs/gguf.md`: magic, version, counts, key-value pairs, tensor descriptions, tensor data.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

/// The longest text in bytes that is read: chat templates have some ten kilobytes.
const LONGEST_TEXT: u64 = 16 << 20;
/// What a description of a tensor takes at least. More tensors than fit into the file are not believed.
const LEAST_DESCRIPTION: u64 = 24;
/// What tensors are aligned to where the file does not say.
const ALIGNMENT: u64 = 32;

/// Why a file is of no use, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unusable {
    /// Why, in words that follow "cannot use the model".
    pub what: String,
    /// The remedy.
    pub hint: &'static str,
}

impl Unusable {
    fn new(what: impl Into<String>, hint: &'static str) -> Self {
        Self { what: what.into(), hint }
    }

    fn of(fault: HeaderError, bytes: u64) -> Self {
        match fault {
            HeaderError::NoGguf => Self::new(
                "it is no GGUF file (it does not start with \"GGUF\")",
                "download a model in GGUF format, or convert it with llama.cpp's convert_hf_to_gguf.py",
            ),
            HeaderError::Version(version) => Self::new(
                format!("GGUF version {version} is not supported (2 and 3 are)"),
                "convert the model again with a current llama.cpp",
            ),
            HeaderError::Cut => Self::new(
                format!("the file is cut off: its {bytes} bytes end before the model does"),
                "download it again and compare its checksum",
            ),
            HeaderError::Broken(what) => {
                Self::new(format!("its metadata is broken: {what}"), "download it again")
            }
            HeaderError::Io(error) => {
                Self::new(format!("it cannot be read: {error}"), "check the file's permissions and the disk")
            }
        }
    }
}

fn open(path: &Path) -> Result<(File, u64), Unusable> {
    let fail =
        |what: String| Unusable::new(what, "set model_path to a GGUF file; scripts/fetch-model.sh gets one");
    let metadata = path.metadata().map_err(|error| {
        fail(match error.kind() {
            io::ErrorKind::NotFound => "there is no such file".to_owned(),
            _ => format!("it cannot be read: {error}"),
        })
    })?;
    if metadata.is_dir() {
        return Err(fail("it is a directory".to_owned()));
    }
    if !metadata.is_file() {
        return Err(fail("it is no regular file".to_owned()));
    }
    let file = File::open(path).map_err(|error| fail(format!("it cannot be read: {error}")))?;
    Ok((file, metadata.len()))
}

/// The reason why a header cannot be read.
enum HeaderError {
    NoGguf,
    Version(u32),
    Cut,
    Broken(String),
    Io(io::Error),
}

impl From<io::Error> for HeaderError {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::UnexpectedEof { Self::Cut } else { Self::Io(error) }
    }
}

/// A value, as far as [`Header`] needs it.
enum Value {
    Number(u64),
    Flag(bool),
    Text(String),
    Numbers(Vec<u64>),
    /// The number of texts in an array of texts.
    Texts(u64),
    Other,
}

/// A tensor of a file, without its data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tensor {
    /// Its name, such as `blk.0.ffn_down.weight`.
    pub name: String,
    /// How many values it has.
    pub values: u64,
    /// ggml's number of their type.
    pub kind: u32,
    /// The bytes that it takes in the file. They follow from where the next one begins, so that no table of types is needed.
    pub bytes: u64,
}

/// The header of a file, or of all parts of a split model.
pub struct Header {
    values: HashMap<String, Value>,
    /// The tensors, in the order of their data.
    pub tensors: Vec<Tensor>,
    /// Bytes of the file, or of all its parts.
    pub bytes: u64,
}

impl Header {
    /// The header of the file at `path`.
    ///
    /// # Errors
    /// The path is missing, a directory or unreadable; the file is no GGUF, or ends early.
    pub fn of(path: &Path) -> Result<Self, Unusable> {
        let (file, bytes) = open(path)?;
        Self::read(BufReader::with_capacity(1 << 16, file), bytes).map_err(|fault| Unusable::of(fault, bytes))
    }

    /// The same of all parts, if the file is the first part of a model that is split: the others have the rest of the tensors.
    ///
    /// # Errors
    /// Those of [`Header::of`]; a part that is not the first; a part that is missing.
    pub fn of_all_parts(path: &Path) -> Result<Self, Unusable> {
        let mut whole = Self::of(path)?;
        let Some(parts) = whole.number("split.count").filter(|parts| *parts > 1) else { return Ok(whole) };
        let hint = "put all parts into one folder and name the first, `...-00001-of-0000N.gguf`";
        if let Some(part) = whole.number("split.no").filter(|part| *part > 0) {
            return Err(Unusable::new(
                format!("it is part {} of a model that is split into {parts} files", part + 1),
                hint,
            ));
        }
        for part in 2..=parts {
            let place = part_of(path, part, parts).ok_or_else(|| {
                Unusable::new("it is split, and its name does not tell those of the other parts", hint)
            })?;
            let next = Self::of(&place).map_err(|error| {
                Unusable::new(format!("its part {}: {}", place.display(), error.what), hint)
            })?;
            whole.bytes += next.bytes;
            whole.tensors.extend(next.tensors);
        }
        whole.values.remove("split.count");
        Ok(whole)
    }

    fn read(input: impl Read, bytes: u64) -> Result<Self, HeaderError> {
        let mut reader = Reader { input, at: 0, end: bytes };
        let mut magic = [0; 4];
        match reader.fill(&mut magic) {
            Ok(()) if magic == *b"GGUF" => {}
            Ok(()) | Err(HeaderError::Cut) => return Err(HeaderError::NoGguf),
            Err(fault) => return Err(fault),
        }
        let version = reader.u32()?;
        if !(2..=3).contains(&version) {
            return Err(HeaderError::Version(version));
        }
        let (tensors, pairs) = (reader.u64()?, reader.u64()?);
        let mut values = HashMap::new();
        for _ in 0..pairs {
            let key = reader.text()?;
            let kind = reader.u32()?;
            values.insert(key, reader.value(kind)?);
        }
        if tensors > bytes / LEAST_DESCRIPTION {
            return Err(HeaderError::Cut);
        }
        let mut described = Vec::new();
        for _ in 0..tensors {
            let name = reader.text()?;
            let dimensions = reader.u32()?;
            let mut count = 1_u64;
            for _ in 0..dimensions {
                count = count.saturating_mul(reader.u64()?);
            }
            let kind = reader.u32()?;
            described.push((reader.u64()?, Tensor { name, values: count, kind, bytes: 0 }));
        }
        let alignment = match values.get("general.alignment") {
            Some(Value::Number(alignment)) if *alignment > 0 => *alignment,
            _ => ALIGNMENT,
        };
        let data = bytes.saturating_sub(reader.at.div_ceil(alignment).saturating_mul(alignment));
        let tensors = with_sizes(described, data).ok_or(HeaderError::Cut)?;
        Ok(Self { values, tensors, bytes })
    }

    /// A number of the metadata.
    pub fn number(&self, key: &str) -> Option<u64> {
        match self.values.get(key)? {
            Value::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// A number, or one for each layer.
    pub fn figures(&self, key: &str) -> Vec<u64> {
        match self.values.get(key) {
            Some(Value::Number(number)) => vec![*number],
            Some(Value::Numbers(numbers)) => numbers.clone(),
            _ => Vec::new(),
        }
    }

    /// A text of the metadata.
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.values.get(key)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// `key` with the architecture's name before it.
    pub fn own(&self, key: &str) -> String {
        format!("{}.{key}", self.text("general.architecture").unwrap_or_default())
    }

    /// Tokens of the vocabulary.
    pub fn vocabulary(&self) -> u64 {
        match self.values.get("tokenizer.ggml.tokens") {
            Some(Value::Texts(count)) => *count,
            _ => 0,
        }
    }

    /// Checks that the file is a chat model, and not a part of one.
    ///
    /// # Errors
    /// It holds something else: embeddings, an encoder, an adapter, a projector; it is a part of a split model.
    pub fn check(&self) -> Result<(), Unusable> {
        if let Some(parts) = self.number("split.count").filter(|parts| *parts > 1) {
            let part = self.number("split.no").unwrap_or(0) + 1;
            return Err(Unusable::new(
                format!("it is part {part} of a model that is split into {parts} files"),
                "join the parts with `llama-gguf-split --merge FIRST_PART OUT.gguf`",
            ));
        }
        let Some(architecture) = self.text("general.architecture") else { return Ok(()) };
        let kind = self.text("general.type").unwrap_or("model");
        let what = match (kind, architecture) {
            ("adapter", _) => "it is an adapter (LoRA), not a model",
            ("mmproj", _) | (_, "clip") => "it is an image or audio projector, not a language model",
            ("imatrix", _) | (_, "imatrix") => "it is an importance matrix, not a model",
            (_, "t5" | "t5encoder") => "it is an encoder model",
            _ if self.embeds() => "it is an embedding model: it gives vectors, not text",
            _ => return Ok(()),
        };
        Err(Unusable::new(what, "use a chat (instruct) model"))
    }

    fn embeds(&self) -> bool {
        let causal = !matches!(self.values.get(&self.own("attention.causal")), Some(Value::Flag(false)));
        !causal || self.number(&self.own("pooling_type")).is_some_and(|pooling| pooling > 0)
    }
}

/// The tensors with the bytes from the begin of each to the next one's, by the place where each begins within so many bytes of
/// `data`; `None` if one begins behind them.
fn with_sizes(mut described: Vec<(u64, Tensor)>, data: u64) -> Option<Vec<Tensor>> {
    described.sort_by_key(|(begin, _)| *begin);
    let ends: Vec<u64> = described.iter().skip(1).map(|(begin, _)| *begin).chain([data]).collect();
    let sized = |((begin, tensor), end): ((u64, Tensor), u64)| {
        // The last tensor has at least one byte; llama.cpp checks the exact end when it loads.
        (begin < data).then(|| Tensor { bytes: end - begin, ..tensor })
    };
    described.into_iter().zip(ends).map(sized).collect()
}

/// Where part number `part` of `parts` is, beside the first one.
fn part_of(first: &Path, part: u64, parts: u64) -> Option<PathBuf> {
    let name = first.file_name()?.to_str()?;
    let stem = name.strip_suffix(&format!("-00001-of-{parts:05}.gguf"))?;
    Some(first.with_file_name(format!("{stem}-{part:05}-of-{parts:05}.gguf")))
}

/// Reads little-endian values, never beyond the end of the file.
struct Reader<R> {
    input: R,
    at: u64,
    end: u64,
}

impl<R: Read> Reader<R> {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), HeaderError> {
        self.input.read_exact(bytes)?;
        self.at += bytes.len() as u64;
        Ok(())
    }

    fn skip(&mut self, count: u64) -> Result<(), HeaderError> {
        if count > self.end - self.at.min(self.end) {
            return Err(HeaderError::Cut);
        }
        io::copy(&mut self.input.by_ref().take(count), &mut io::sink())?;
        self.at += count;
        Ok(())
    }

    fn u32(&mut self) -> Result<u32, HeaderError> {
        let mut bytes = [0; 4];
        self.fill(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn u64(&mut self) -> Result<u64, HeaderError> {
        let mut bytes = [0; 8];
        self.fill(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn text(&mut self) -> Result<String, HeaderError> {
        let length = self.u64()?;
        if length > self.end - self.at.min(self.end) {
            return Err(HeaderError::Cut);
        }
        if length > LONGEST_TEXT {
            return Err(HeaderError::Broken(format!("a text of {length} bytes")));
        }
        let mut bytes = vec![0; length as usize];
        self.fill(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Reads a value. Integers of any width become numbers; negative ones and fractions are not needed here.
    fn value(&mut self, kind: u32) -> Result<Value, HeaderError> {
        Ok(match kind {
            8 => Value::Text(self.text()?),
            9 => self.array()?,
            7 => {
                let mut byte = [0];
                self.fill(&mut byte)?;
                Value::Flag(byte[0] != 0)
            }
            _ => {
                let width =
                    width(kind).ok_or_else(|| HeaderError::Broken(format!("unknown value type {kind}")))?;
                let number = self.number(width)?;
                if matches!(kind, 6 | 12) { Value::Other } else { Value::Number(number) }
            }
        })
    }

    fn number(&mut self, width: usize) -> Result<u64, HeaderError> {
        let mut bytes = [0; 8];
        self.fill(&mut bytes[..width])?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn array(&mut self) -> Result<Value, HeaderError> {
        let (kind, count) = (self.u32()?, self.u64()?);
        if kind == 8 {
            for _ in 0..count {
                let length = self.u64()?;
                self.skip(length)?;
            }
            return Ok(Value::Texts(count));
        }
        let width = width(kind).ok_or_else(|| HeaderError::Broken(format!("an array of type {kind}")))?;
        // Figures for each layer are short; token scores and types are long and not needed.
        if matches!(kind, 4 | 5 | 7 | 10 | 11) && count <= 4096 {
            return (0..count).map(|_| self.number(width)).collect::<Result<_, _>>().map(Value::Numbers);
        }
        self.skip(count.saturating_mul(width as u64))?;
        Ok(Value::Other)
    }
}

/// Bytes of a fixed-width value type.
fn width(kind: u32) -> Option<usize> {
    match kind {
        0 | 1 | 7 => Some(1),
        2 | 3 => Some(2),
        4..=6 => Some(4),
        10..=12 => Some(8),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
