//! Finds the program in what a supervisor wrote. Pure.
//!
//! Models write one block or several, with prose between them, in fences of backticks or tildes, indented or quoted, and
//! with fences within the program's own strings. The Python parser says where a block ends.

use std::collections::BTreeSet;

use crate::sandbox::{NoPython, Outline};

/// What every program defines.
const PROGRAM: &str = "prepare_jobs";
/// What a program may define besides.
pub(super) const AGGREGATE: &str = "transform_outputs";
/// How often the parser is asked where a block ends, and where a program without fences begins and ends: a reply of many
/// fences costs no more.
const MOST_GUESSES: usize = 200;

/// The program of a reply: the last block that defines it, with what it needs of other blocks. If none does, the last
/// block, and without any block the lines that are a program.
pub(super) fn code_of(reply: &str) -> Option<String> {
    code_with(PROGRAM, reply)
}

/// A program mended by a reply, which holds another `transform_outputs`, or the whole program again.
pub(super) fn mended(program: &str, reply: &str) -> Option<String> {
    let is_whole = |code: &String| code.contains(&format!("def {PROGRAM}"));
    if let Some(whole) = code_of(reply).filter(is_whole) {
        return Some(whole);
    }
    let part = code_with(AGGREGATE, reply)?;
    Some(format!("{program}\n\n{part}"))
}

/// Whether the code defines this function, if it is whole Python; else whether it looks so.
pub(super) fn defines(code: &str, function: &str) -> bool {
    Block::new(code.to_owned()).defines(function)
}

/// As [`code_of`], of a program that defines `wanted`.
fn code_with(wanted: &str, reply: &str) -> Option<String> {
    let blocks = blocks(reply);
    let is_program = |block: &&Block| block.defines(wanted);
    if let Some(last) = blocks.iter().rposition(|block| is_program(&block)) {
        return Some(with_its_parts(&blocks, last));
    }
    let bare = || bare_program(wanted, reply);
    let last = blocks.into_iter().map(|block| block.code).rfind(|code| !code.trim().is_empty());
    if reply.contains(&format!("def {wanted}")) { bare().or(last) } else { last }
}

/// A fenced block.
struct Block {
    code: String,
    /// `None` if it is no valid Python.
    outline: Option<Outline>,
}

impl Block {
    fn new(code: String) -> Self {
        let outline = Outline::of(&code).ok();
        Self { code, outline }
    }

    /// Also a program with a mistake in it: its author is told of that.
    fn defines(&self, function: &str) -> bool {
        match &self.outline {
            Some(outline) => outline.defines.contains(function),
            None => self.code.contains(&format!("def {function}")),
        }
    }
}

/// The program at `last`, behind the blocks that define what it uses and lacks.
fn with_its_parts(blocks: &[Block], last: usize) -> String {
    let program = &blocks[last];
    let Some(outline) = &program.outline else { return program.code.clone() };
    let mut needed: BTreeSet<&str> = outline.uses.iter().map(String::as_str).chain([AGGREGATE]).collect();
    let defined: BTreeSet<&str> = outline.defines.iter().map(String::as_str).collect();
    let mut taken = BTreeSet::new();
    while let Some((at, part)) = blocks.iter().enumerate().find_map(|(at, block)| {
        let part = block.outline.as_ref()?;
        let helps = part.only_defines
            && !part.defines.contains(PROGRAM)
            && part.defines.iter().any(|name| needed.contains(&**name) && !defined.contains(&**name));
        (helps && !taken.contains(&at)).then_some((at, part))
    }) {
        taken.insert(at);
        needed.extend(part.uses.iter().map(String::as_str));
    }
    let parts = taken.into_iter().chain([last]).map(|at| blocks[at].code.as_str());
    parts.collect::<Vec<_>>().join("\n")
}

/// All fenced blocks.
fn blocks(reply: &str) -> Vec<Block> {
    let lines: Vec<&str> = reply.lines().collect();
    let mut blocks = Vec::new();
    let mut guesses = MOST_GUESSES;
    let mut at = 0;
    while at < lines.len() {
        let Some(fence) = Fence::opened_by(lines[at]) else {
            at += 1;
            continue;
        };
        let (block, next) = block(&fence, &lines, at + 1, &mut guesses);
        blocks.push(block);
        at = next;
    }
    blocks
}

/// The block that begins at the line `from`, and the line behind it. It ends at the fence that leaves whole Python, which
/// one within a string does not; if no fence does, at the first that is not within a string.
fn block(fence: &Fence, lines: &[&str], from: usize, guesses: &mut usize) -> (Block, usize) {
    let mut first = None;
    let mut code = String::new();
    for (at, line) in lines.iter().enumerate().skip(from) {
        let line = fence.content(line);
        if fence.is_closed_by(line) {
            let Some(left) = guesses.checked_sub(1) else {
                first.get_or_insert_with(|| (code.clone(), at + 1));
                break;
            };
            *guesses = left;
            match Outline::of(&code) {
                Ok(outline) => return (Block { code, outline: Some(outline) }, at + 1),
                Err(NoPython::Broken) if first.is_none() => {
                    // It may be indented as a whole.
                    let block = Block::new(dedented(&code));
                    if block.outline.is_some() {
                        return (block, at + 1);
                    }
                    first = Some((code.clone(), at + 1));
                }
                Err(_) => {}
            }
        }
        code.push_str(line);
        code.push('\n');
    }
    let (code, next) = first.unwrap_or((code, lines.len()));
    (Block::new(code), next)
}

/// The mark that opened a block.
struct Fence {
    mark: char,
    length: usize,
    /// The characters before it: white space, a list's bullet, a quote's bracket.
    indent: usize,
    is_quoted: bool,
}

impl Fence {
    /// Backticks may follow prose; whatever follows the mark is about the block.
    fn opened_by(line: &str) -> Option<Self> {
        let at = ["```", "~~~"].iter().filter_map(|mark| line.find(mark)).min()?;
        let (before, rest) = line.split_at(at);
        let mark = rest.chars().next()?;
        let info = rest.trim_start_matches(mark);
        let length = rest.len() - info.len();
        let is_prefix = |c: char| c.is_whitespace() || c.is_ascii_digit() || ">-*+.)".contains(c);
        let is_word = info.trim().chars().all(|c| c.is_ascii_alphanumeric());
        let is_open = if before.chars().all(is_prefix) {
            mark == '~' || !info.contains('`')
        } else {
            mark == '`' && is_word && !before.contains('`')
        };
        let indent = if before.chars().all(is_prefix) { before.chars().count() } else { 0 };
        is_open.then_some(Self { mark, length, indent, is_quoted: before.contains('>') })
    }

    /// The line without what stands before the fence, too.
    fn content<'a>(&self, line: &'a str) -> &'a str {
        let mut rest = line;
        for _ in 0..self.indent {
            let next = |c: char| c == ' ' || c == '\t' || self.is_quoted && c == '>';
            rest = rest.strip_prefix(next).unwrap_or(rest);
        }
        rest
    }

    fn is_closed_by(&self, line: &str) -> bool {
        let line = line.trim();
        line.len() >= self.length && line.chars().all(|c| c == self.mark)
    }
}

/// The code without the white space that all its lines begin with.
fn dedented(code: &str) -> String {
    let indents = code.lines().filter(|line| !line.trim().is_empty());
    let indent = indents.map(|line| line.len() - line.trim_start().len()).min().unwrap_or(0);
    code.lines().map(|line| line.get(indent..).unwrap_or("").to_owned() + "\n").collect()
}

/// The longest run of lines that is a program, in a reply without fences around it. If there is none, the whole reply from
/// its first line of code on, so that its author is told what is wrong.
fn bare_program(wanted: &str, reply: &str) -> Option<String> {
    let lines: Vec<&str> = reply.lines().collect();
    let definition = lines.iter().rposition(|line| line.starts_with(&format!("def {wanted}")))?;
    let begins_code = |line: &str| {
        ["import ", "from ", "def ", "class ", "@"].iter().any(|word| line.starts_with(word))
            || line
                .split_once('=')
                .is_some_and(|(name, _)| name.trim().chars().all(|c| c.is_alphanumeric() || c == '_'))
    };
    let starts: Vec<usize> = (0..=definition).filter(|&at| begins_code(lines[at])).collect();
    let is_end = |at: &usize| {
        *at == lines.len()
            || !lines[*at].is_empty() && !lines[*at].starts_with([' ', '\t', '#', ')', ']', '}'])
    };
    let ends: Vec<usize> = (definition + 1..=lines.len()).rev().filter(is_end).collect();
    let whole = |from: usize, to: usize| lines[from..to].join("\n") + "\n";
    let guesses = starts.iter().flat_map(|&from| ends.iter().map(move |&to| (from, to))).take(MOST_GUESSES);
    let found = guesses.map(|(from, to)| whole(from, to)).find(|code| Outline::of(code).is_ok());
    found.or_else(|| starts.first().map(|&from| whole(from, lines.len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: &str = "def prepare_jobs(c, m, o):\n    return []\n";

    #[test]
    fn the_block_that_defines_the_program_counts() {
        for (reply, why) in [
            (format!("Think.\n```python\n{CODE}```\nbye"), "prose around"),
            (format!("```python\n{CODE}```\nExample:\n```\nx = 1\n```"), "an example behind"),
            (format!("```\nx = 1\n```\n```\n{CODE}```"), "an example before"),
            (format!("```json\n{{\"a\": 1}}\n```\n```\n{CODE}```\n```text\nDone.\n```"), "other languages"),
            (
                format!(
                    "```python\ndef prepare_jobs(c):\n    return [1]\n```\nBetter:\n```python\n{CODE}```"
                ),
                "a draft",
            ),
            (format!("```py\n{CODE}"), "no end"),
            (format!("So: ```python\n{CODE}```"), "prose on the line"),
            (format!("```python title=\"x.py\" {{1-3}}\n{CODE}```"), "an info string"),
            (format!("```{{.python .numberLines}}\n{CODE}```"), "attributes"),
            (format!("~~~python\n{CODE}~~~"), "tildes"),
            (format!("~~~ python title=`x`\n{CODE}~~~~\n"), "tildes and backticks"),
            (format!("````python\n{CODE}````"), "four"),
            (format!("`````\n{CODE}```````\nbye"), "a longer end"),
            (
                format!("1. Do it:\n   ```python\n   {}   ```\n2. End.", CODE.replace('\n', "\n   ")),
                "in a list",
            ),
            (format!("- ```python\n  {}\n  ```", CODE.trim_end().replace('\n', "\n  ")), "behind a bullet"),
            (format!("> ```python\n> {}\n> ```\n", CODE.trim_end().replace('\n', "\n> ")), "quoted"),
            (format!("```python\n    {}\n```", CODE.trim_end().replace('\n', "\n    ")), "indented within"),
            (format!("```python\n{CODE}```\nUse `x` or ```y``` then.").replace('\n', "\r\n"), "CRLF"),
            (CODE.to_owned(), "no fence"),
            (format!("Here is the program:\n\n{CODE}\nIt takes all.\nThat's it."), "prose around no fence"),
        ] {
            assert_eq!(code_of(&reply).as_deref().map(str::trim_end), Some(CODE.trim_end()), "{why}");
        }
        for none in ["I would rather not.", "```\n\n```", "Use `def f` here.", ""] {
            assert_eq!(code_of(none), None, "{none}");
        }
    }

    #[test]
    fn a_fence_within_a_string_ends_nothing() {
        for inner in [
            "a = '''Like this:\n```json\n{\"year\": 1900}\n```\nand nothing else.'''\n",
            "a = \"\"\"\n```\n\"\"\"\n",
            "a = f'''\n```python\n{1}\n```\n'''\nb = '''\n~~~\n```\n'''\n",
            "a = r'''x\n    ```\n'''\n",
        ] {
            let code = format!("{inner}{CODE}");
            for fence in ["```", "~~~", "````"] {
                let reply = format!("Plan.\n{fence}python\n{code}{fence}\nNote:\n```\nx\n```\n");
                assert_eq!(code_of(&reply).as_deref(), Some(&*code), "{reply}");
            }
            // Its author is told of a mistake in all of the program.
            let broken = format!("{code}x = (\n");
            assert_eq!(code_of(&format!("```python\n{broken}```\n")).as_deref(), Some(&*broken));
        }
    }

    #[test]
    fn a_reply_of_many_fences_costs_no_more() {
        let fences = "```python\nx = (\n```\n".repeat(20_000);
        assert_eq!(code_of(&fences).as_deref(), Some("x = (\n"));
        assert_eq!(code_of(&format!("{fences}```\n{CODE}```\n")).as_deref(), Some(CODE));
    }

    #[test]
    fn a_mended_part_goes_behind_the_program_and_a_whole_one_takes_its_place() {
        let part = "def transform_outputs(jobs):\n    return 'x'\n";
        let block = |code: &str| format!("So:\n```python\n{code}```\n");
        let behind = format!("{CODE}\n\n{part}");
        assert_eq!(mended(CODE, &block(part)), Some(behind.clone()));
        assert_eq!(mended(CODE, part), Some(behind));
        let whole = format!("import re\n{CODE}{part}");
        assert_eq!(mended(CODE, &block(&whole)), Some(whole.clone()));
        // In two blocks.
        assert_eq!(mended("x = 1\n", &(block(CODE) + &block(part))), Some(format!("{part}\n{CODE}")));
        assert_eq!(mended(CODE, "It can't be mended."), None);
        assert!(defines(&whole, AGGREGATE) && !defines(CODE, AGGREGATE));
        assert!(!defines(&format!("{CODE}# no transform_outputs\n"), AGGREGATE));
    }

    #[test]
    fn what_the_program_needs_of_other_blocks_comes_with_it() {
        let program = "def prepare_jobs(c, m, o):\n    return [job(d) for d in c]\n";
        let helper = "def job(d):\n    return JobManifest(d, TASK)\n";
        let constant = "TASK = 'Which year?'\n";
        let transform = "def transform_outputs(jobs):\n    return ''\n";
        let block = |code: &str| format!("```python\n{code}```\nNow:\n");
        let all = format!("{constant}\n{helper}\n{program}");
        assert_eq!(code_of(&(block(constant) + &block(helper) + &block(program))), Some(all));
        let behind = format!("{helper}\n{transform}\n{program}");
        assert_eq!(code_of(&(block(program) + &block(helper) + &block(transform))), Some(behind));
        // An example of a call, a draft, and what the program has itself are no parts of it.
        let others = block("jobs = [job(1)]\nprint(jobs)\n")
            + &block(&format!("{helper}{program}"))
            + &block("x = 1\n")
            + &block("not python at all\n");
        let whole = format!("{helper}{program}");
        assert_eq!(
            code_of(&(others + &block(&whole) + &block("prepare_jobs(['a'], [], [])\n"))),
            Some(whole)
        );
    }
}
