//! A GGUF file's metadata, read without llama.cpp (whose getters abort on an unexpected type).
//!
//! In: a path. Out: [`ModelInfo`], or the reason why the file cannot be a chat model. Layout after ggml's `docs/gguf.md`:
//! magic, version, counts, key-value pairs, tensor descriptions, tensor data.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use super::{ModelInfo, failed};
use minions_chat::ChatError;
use minions_machine::footprint::{CacheType, Footprint};

/// The longest text in bytes that is read: chat templates have some ten kilobytes.
const LONGEST_TEXT: u64 = 16 << 20;

/// The figures of a GGUF file's metadata, read without loading the model. Needs no engine.
///
/// # Errors
/// The path is missing, a directory or unreadable; the file is no GGUF, ends early, or is part of a split model;
/// it holds something else than a chat model (embeddings, an encoder, an adapter, a projector).
pub fn inspect(path: &Path) -> Result<ModelInfo, ChatError> {
    let fail =
        |what: String, hint: &str| failed(format!("cannot use the model {}: {what}", path.display()), hint);
    let file = open(path)
        .map_err(|what| fail(what, "set model_path to a GGUF file; scripts/fetch-model.sh gets one"))?;
    let bytes = file.metadata().map_err(|error| fail(error.to_string(), "check the file"))?.len();
    let header = Header::read(BufReader::new(file), bytes).map_err(|fault| match fault {
        HeaderError::NoGguf => fail(
            "it is no GGUF file (it does not start with \"GGUF\")".to_owned(),
            "download a model in GGUF format, or convert it with llama.cpp's convert_hf_to_gguf.py",
        ),
        HeaderError::Version(version) => fail(
            format!("GGUF version {version} is not supported (2 and 3 are)"),
            "convert the model again with a current llama.cpp",
        ),
        HeaderError::Cut => fail(
            format!("the file is cut off: its {bytes} bytes end before the model does"),
            "download it again and compare its checksum",
        ),
        HeaderError::Broken(what) => fail(format!("its metadata is broken: {what}"), "download it again"),
        HeaderError::Io(error) => {
            fail(format!("it cannot be read: {error}"), "check the file's permissions and the disk")
        }
    })?;
    header.refusal().map_or(Ok(()), |(what, hint)| Err(fail(what, hint)))?;
    header
        .info(bytes)
        .ok_or_else(|| fail("its metadata lacks the model's dimensions".to_owned(), "convert it again"))
}

fn open(path: &Path) -> Result<File, String> {
    let metadata = path.metadata().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        _ => format!("it cannot be read: {error}"),
    })?;
    if metadata.is_dir() {
        return Err("it is a directory".to_owned());
    }
    if !metadata.is_file() {
        return Err("it is no regular file".to_owned());
    }
    File::open(path).map_err(|error| format!("it cannot be read: {error}"))
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

struct Header {
    values: HashMap<String, Value>,
}

impl Header {
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
        let mut last = 0;
        for _ in 0..tensors {
            reader.text()?;
            let dimensions = u64::from(reader.u32()?);
            reader.skip(dimensions.saturating_mul(8))?;
            reader.u32()?;
            last = reader.u64()?.max(last);
        }
        // The last tensor has at least one byte; llama.cpp checks the exact end when it loads.
        if tensors > 0 && reader.at.saturating_add(last) >= bytes {
            return Err(HeaderError::Cut);
        }
        Ok(Self { values })
    }

    fn number(&self, key: &str) -> Option<u64> {
        match self.values.get(key)? {
            Value::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// A number, or one for each layer.
    fn figures(&self, key: &str) -> Vec<u64> {
        match self.values.get(key) {
            Some(Value::Number(number)) => vec![*number],
            Some(Value::Numbers(numbers)) => numbers.clone(),
            _ => Vec::new(),
        }
    }

    fn text(&self, key: &str) -> Option<&str> {
        match self.values.get(key)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// `key` with the architecture's name before it.
    fn own(&self, key: &str) -> String {
        format!("{}.{key}", self.text("general.architecture").unwrap_or_default())
    }

    /// The reason why this file is no chat model, and the hint; `None` if it is one.
    fn refusal(&self) -> Option<(String, &'static str)> {
        if let Some(parts) = self.number("split.count").filter(|parts| *parts > 1) {
            let part = self.number("split.no").unwrap_or(0) + 1;
            return Some((
                format!("it is part {part} of a model that is split into {parts} files"),
                "join the parts with `llama-gguf-split --merge FIRST_PART OUT.gguf`",
            ));
        }
        let architecture = self.text("general.architecture")?;
        let kind = self.text("general.type").unwrap_or("model");
        let what = match (kind, architecture) {
            ("adapter", _) => "it is an adapter (LoRA), not a model",
            ("mmproj", _) | (_, "clip") => "it is an image or audio projector, not a language model",
            ("imatrix", _) | (_, "imatrix") => "it is an importance matrix, not a model",
            (_, "t5" | "t5encoder") => "it is an encoder model",
            _ if self.embeds() => "it is an embedding model: it gives vectors, not text",
            _ => return None,
        };
        Some((what.to_owned(), "use a chat (instruct) model"))
    }

    fn embeds(&self) -> bool {
        let causal = !matches!(self.values.get(&self.own("attention.causal")), Some(Value::Flag(false)));
        !causal || self.number(&self.own("pooling_type")).is_some_and(|pooling| pooling > 0)
    }

    fn info(&self, file_bytes: u64) -> Option<ModelInfo> {
        let vocabulary = match self.values.get("tokenizer.ggml.tokens") {
            Some(Value::Texts(count)) => *count,
            _ => 0,
        };
        let architecture = self.text("general.architecture")?;
        let figures = |key: &str| self.figures(&self.own(key));
        let footprint = Footprint::of(architecture, figures, file_bytes, vocabulary, CacheType::F16)?;
        Some(ModelInfo {
            architecture: architecture.to_owned(),
            trained_context: u32::try_from(self.number(&self.own("context_length"))?).unwrap_or(u32::MAX),
            file_bytes,
            // The engine keeps the whole past of every layer, for prefixes to be shared.
            footprint: footprint.with_whole_past(),
            vocabulary: u32::try_from(vocabulary).unwrap_or(u32::MAX),
            has_chat_template: self.text("tokenizer.chat_template").is_some_and(|text| !text.is_empty()),
        })
    }
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
mod tests {
    use super::*;

    /// A header of `(key, type and value)` pairs and no tensors.
    fn gguf(pairs: &[(&str, Vec<u8>)]) -> Vec<u8> {
        let mut out = b"GGUF\x03\0\0\0".to_vec();
        out.extend(0u64.to_le_bytes());
        out.extend((pairs.len() as u64).to_le_bytes());
        for (key, value) in pairs {
            out.extend((key.len() as u64).to_le_bytes());
            out.extend(key.as_bytes());
            out.extend(value);
        }
        out
    }

    fn text(value: &str) -> Vec<u8> {
        [&8u32.to_le_bytes()[..], &(value.len() as u64).to_le_bytes(), value.as_bytes()].concat()
    }

    fn number(value: u32) -> Vec<u8> {
        [4u32.to_le_bytes(), value.to_le_bytes()].concat()
    }

    fn numbers(values: &[u32]) -> Vec<u8> {
        let mut out = [9u32.to_le_bytes(), 4u32.to_le_bytes()].concat();
        out.extend((values.len() as u64).to_le_bytes());
        out.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        out
    }

    fn read(bytes: &[u8]) -> Result<ModelInfo, ChatError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        inspect(file.path())
    }

    fn llama(more: &[(&'static str, Vec<u8>)]) -> Vec<u8> {
        let mut pairs = vec![
            ("general.architecture", text("llama")),
            ("llama.context_length", number(2048)),
            ("llama.block_count", number(4)),
            ("llama.embedding_length", number(576)),
            ("llama.attention.head_count", number(9)),
            ("llama.attention.head_count_kv", number(3)),
        ];
        pairs.extend_from_slice(more);
        gguf(&pairs)
    }

    #[test]
    fn the_figures_come_from_the_metadata() {
        let info = read(&llama(&[("tokenizer.chat_template", text("{{ messages }}"))])).unwrap();
        assert_eq!((info.architecture.as_str(), info.trained_context), ("llama", 2048));
        // 4 layers x 3 heads x (64 + 64) values x 2 bytes
        assert_eq!(info.footprint.token, 4 * 3 * 128 * 2);
        assert!(info.has_chat_template);
    }

    #[test]
    fn heads_may_differ_between_layers_and_from_the_width() {
        let info = read(&gguf(&[
            ("general.architecture", text("x")),
            ("x.context_length", number(10)),
            ("x.block_count", number(3)),
            ("x.embedding_length", number(64)),
            ("x.attention.head_count", number(8)),
            ("x.attention.head_count_kv", numbers(&[2, 0, 4])),
            ("x.attention.key_length", number(16)),
            ("x.attention.value_length", number(32)),
        ]))
        .unwrap();
        assert_eq!(info.footprint.token, 6 * 48 * 2);
    }

    #[test]
    fn other_files_are_refused_by_name() {
        let flag = |value| [&7u32.to_le_bytes()[..], &[value]].concat();
        let bert = |more: (&'static str, Vec<u8>)| gguf(&[("general.architecture", text("bert")), more]);
        let cases: Vec<(Vec<u8>, &str)> = vec![
            (b"".to_vec(), "no GGUF"),
            (b"PK\x03\x04 a zip file".to_vec(), "no GGUF"),
            (b"GGUF\x01\0\0\0".to_vec(), "version 1"),
            (llama(&[])[..100].to_vec(), "cut off"),
            (b"GGUF\x03\0\0\0\0\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff".to_vec(), "cut off"),
            (gguf(&[("k", vec![99, 0, 0, 0])]), "unknown value type 99"),
            (
                llama(&[("split.count", number(3)), ("split.no", number(1))]),
                "part 2 of a model that is split into 3",
            ),
            (llama(&[("general.type", text("adapter"))]), "LoRA"),
            (bert(("bert.attention.causal", flag(0))), "embedding model"),
            (llama(&[("llama.pooling_type", number(3))]), "embedding model"),
            (gguf(&[("general.architecture", text("clip"))]), "projector"),
            (gguf(&[("general.architecture", text("t5"))]), "encoder"),
            (gguf(&[("general.architecture", text("llama"))]), "lacks the model's dimensions"),
        ];
        for (bytes, expected) in cases {
            let error = read(&bytes).unwrap_err();
            assert!(error.message.contains(expected), "{error} should contain {expected}");
            assert!(error.hint.is_some());
        }
    }
}
