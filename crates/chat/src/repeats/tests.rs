use super::*;

/// The loop that is seen in a text that comes in pieces of about a token, and the number of pieces that it took.
fn streamed(text: &str) -> Option<(Loop, usize)> {
    let mut repeats = Repeats::default();
    pieces(text).enumerate().find_map(|(at, piece)| Some((repeats.push(piece.as_bytes())?, at + 1)))
}

/// A text cut as tokenizers cut: a word with the space before it, up to three digits, single signs.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let after = &rest[first.len_utf8()..];
        let run = |is: fn(char) -> bool, most: usize| {
            after
                .char_indices()
                .take(most)
                .take_while(|(_, c)| is(*c))
                .last()
                .map_or(0, |(at, c)| at + c.len_utf8())
        };
        let more = match first {
            c if c.is_numeric() => run(char::is_numeric, 2),
            ' ' | '\n' if after.starts_with(char::is_alphabetic) => run(char::is_alphabetic, 9),
            ' ' => run(|c| c == ' ', 7),
            c if c.is_alphabetic() => run(char::is_alphabetic, 9),
            _ => 0,
        };
        let (piece, left) = rest.split_at(first.len_utf8() + more);
        rest = left;
        Some(piece)
    })
}

const PROSE: &str = "The tenant shall pay the rent on the first day of each month and keep the premises in good repair, \
                     and the landlord shall insure the building against fire, storm and water at its own expense. ";

/// A sentence of 88 bytes and 18 tokens.
const SENTENCE: &str =
    "The tenant shall keep all rooms in good repair and return them clean at the lease's end. ";

/// How many tokens a loop of `block` goes on for, from where the block comes for the second time, until it is seen.
fn tokens_until_seen(block: &str) -> usize {
    let said = "The part says this of the lease: ";
    let text = said.to_owned() + &block.repeat(2000);
    let (found, took) = streamed(&text).unwrap_or_else(|| panic!("{block:?}"));
    let kept = text.get(..found.keeps).unwrap_or_else(|| panic!("{block:?} was cut within a character"));
    assert!(
        kept.len() <= said.len() + 2 * block.len() + 8 && kept.len() + 2 >= said.len(),
        "{block:?}: {kept:?}"
    );
    took - pieces(kept).count()
}

#[test]
fn a_loop_is_seen_within_128_tokens() {
    let seen = [
        (" lease".to_owned(), 63),
        ("\n".to_owned(), 63),
        (" ".to_owned(), 63),
        ("\n \n\n".to_owned(), 63),
        ("ü".to_owned(), 47),
        ("租约".to_owned(), 29),
        ("!".to_owned(), 111),
        ("0".to_owned(), 111),
        ("a ".to_owned(), 63),
        ("int, ".to_owned(), 110),
        ("整数、".to_owned(), 110),
        ("lease note ".to_owned(), 110),
        ("no, no, ".to_owned(), 110),
        ("I do not know. ".to_owned(), 107),
        ("No\n".to_owned(), 63),
        ("Not stated.\n".to_owned(), 108),
        ("- The lease does not say so.\n".to_owned(), 110),
        ("- The lease does not say so at all.\n".to_owned(), 124),
        (SENTENCE.to_owned(), 60),
        (format!("{}\n", SENTENCE.trim_end()), 107),
        (PROSE.to_owned(), 121),
    ];
    let found = seen.each_ref().map(|(block, _)| (block.clone(), tokens_until_seen(block)));
    assert_eq!(found, seen);
    assert!(seen.iter().all(|(_, tokens)| *tokens <= 128));
}

#[test]
fn what_people_write_over_and_over_may_take_longer() {
    // Blocks of many tokens, cells of tables, lists of numbers, rules.
    let seen = [
        (format!("{PROSE}{SENTENCE}"), 181),
        (format!("{PROSE}\n\n"), 206),
        ("{\"lease\": \"none\", \"note\": null},\n".to_owned(), 292),
        ("0, ".to_owned(), 253),
        ("| n/a | n/a |\n".to_owned(), 251),
        ("-".to_owned(), 262),
        (". ".to_owned(), 254),
    ];
    let found = seen.each_ref().map(|(block, _)| (block.clone(), tokens_until_seen(block)));
    assert_eq!(found, seen);
}

/// A line of a log, of over 100 bytes.
const LOG: &str =
    "WARN the worker lost its connection to the queue and will try to reach it again after the usual pause\n";

#[test]
fn what_people_write_is_no_loop() {
    let numbers = (0..300).map(|n| n.to_string()).collect::<Vec<_>>().join(", ");
    let table: String = (0..60).map(|n| format!("| {n} | 0.00 | 0.00 | n/a |\n")).collect();
    let csv: String =
        (0..200).map(|n| format!("2023-{:02}-{:02},10,10,10,10\n", n % 12 + 1, n % 28 + 1)).collect();
    let code = "fn f() {\n    if a {\n        if b {\n            if c {\n                g();\n            }\n        }\n    }\n}\n";
    let hex: String = (0..64).map(|n| format!("{:08x}  {}\n", n * 16, "00 ".repeat(16))).collect();
    let json: String =
        (0..80).map(|n| format!("  {{\"id\": {n}, \"value\": null, \"note\": \"\"}},\n")).collect();
    let sums: String = (1..40).map(|n| format!("{n} x {n} = {}\n", n * n)).collect();
    for text in [
        numbers,
        format!("# Title\n{}\n\n{}\n{}\n", "=".repeat(120), "-".repeat(200), "*".repeat(80)),
        format!("| a | b |\n|{}\n{table}", "---|".repeat(30)),
        csv,
        "1,1,1,1,1\n".repeat(15),
        "| n/a | n/a | n/a | n/a |\n".repeat(12),
        "- Not stated.\n".repeat(15),
        "No\n".repeat(40),
        "Positive\n".repeat(40),
        "是\n".repeat(40),
        "int, ".repeat(50),
        "да, ".repeat(50),
        "整数、".repeat(45),
        "f64, f64, i32, ".repeat(12),
        LOG.repeat(5),
        format!("{}\n", &LOG[..70]).repeat(5),
        "- The lease does not say so at all.\n".repeat(11),
        SENTENCE.repeat(3),
        "0, ".repeat(60),
        "0".repeat(60),
        "yes, no, ".repeat(7),
        format!("{}{}", "{\"a\": [".repeat(30), "]}".repeat(30)),
        format!("1. Introduction {} 3\n2. Methods {} 14\n", ". ".repeat(60), ".".repeat(100)),
        code.repeat(6),
        "        }\n    }\n}\n".repeat(9),
        hex,
        json,
        sums,
        "AAAAAAAA".repeat(20),
        PROSE.repeat(3),
        "He said it again and again and again and again. ".repeat(3),
        "La la la, la la la, la la la la la.\nOh oh oh.\n".repeat(3),
        " ".repeat(200) + "indented",
        "\n".repeat(40) + "far below",
        "┌".to_owned() + &"─".repeat(120) + "┐\n│" + &" ".repeat(120) + "│\n",
    ] {
        let short: String = text.chars().take(60).collect();
        assert_eq!(streamed(&text), None, "{short:?}");
        assert_eq!(of_text(&text), None, "{short:?}");
    }
}

#[test]
fn digits_that_come_one_by_one_are_no_loop() {
    for text in [
        format!("0x{}", "0".repeat(64)),
        format!("1{}", "0".repeat(100)),
        format!("0.{}1", "9".repeat(100)),
        format!("{}!", "?".repeat(100)),
    ] {
        let mut repeats = Repeats::default();
        let found = text.split_inclusive(|_| true).find_map(|digit| repeats.push(digit.as_bytes()));
        assert_eq!((found, of_text(&text)), (None, None), "{text}");
    }
}

#[test]
fn a_text_that_came_whole_is_looked_at_as_well() {
    for block in [" lease", "I do not know. ", PROSE, "\n\n \n"] {
        let text = format!("It says: {}", block.repeat(200));
        let found = of_text(&text).unwrap_or_else(|| panic!("{block:?}"));
        assert!(found.keeps < text.len() && text.is_char_boundary(found.keeps), "{block:?}: {found:?}");
        let mut repeats = Repeats::default();
        assert!(repeats.push(text.as_bytes()).is_some(), "{block:?}");
    }
    assert_eq!((of_text(""), of_text("a"), guarded_text(""), guarded_text("a")), (None, None, None, None));
}

#[test]
fn a_guard_is_believed_where_its_pieces_are_seen() {
    for piece in [" lease", "\n", ".", "0", "ü"] {
        let mut repeats = Repeats::default();
        repeats.push(b"The part says");
        (0..24).for_each(|_| assert_eq!(repeats.push(piece.as_bytes()), None));
        assert_eq!(repeats.guarded(), None, "{piece:?}");
        (0..7).for_each(|_| assert_eq!(repeats.push(piece.as_bytes()), None));
        let keeps = "The part says".len() + piece.len();
        assert_eq!(repeats.guarded(), Some(Loop { keeps, tokens: 31 }), "{piece:?}");
        let whole = format!("The part says{}", piece.repeat(31));
        assert_eq!(guarded_text(&whole).map(|found| found.keeps), Some(keeps), "{piece:?}");
    }
    assert_eq!(guarded_text(PROSE), None);
}

#[test]
fn a_long_text_costs_little() {
    let mut repeats = Repeats::default();
    let mut random = 1_u32;
    for _ in 0..20_000 {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        assert_eq!(repeats.push(["ab", " c", "d", ", e"][(random >> 30) as usize].as_bytes()), None);
    }
}
