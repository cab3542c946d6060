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

#[test]
fn a_loop_is_seen_within_64_tokens_of_its_beginning() {
    let said = "The part says this of the lease: ";
    for block in [
        " lease",
        "0",
        "\n",
        " ",
        "!",
        "a ",
        "lease note ",
        "no, no, ",
        "ü",
        "租约",
        "I do not know. ",
        "\n \n\n",
    ] {
        let text = said.to_owned() + &block.repeat(1000);
        let (found, took) = streamed(&text).unwrap_or_else(|| panic!("{block:?}"));
        let before = pieces(said).count();
        assert!(took <= before + 65, "{block:?} took {} tokens", took - before);
        assert!(found.tokens <= 70, "{block:?}: {found:?}");
        let kept = text.get(..found.keeps).unwrap_or_else(|| panic!("{block:?} was cut within a character"));
        assert!(
            kept.len() <= said.len() + 2 * block.len() + 8 && kept.len() + 2 >= said.len(),
            "{block:?}: {kept:?}"
        );
    }
}

#[test]
fn long_blocks_and_lines_are_seen_after_a_few_copies() {
    for (block, copies) in [
        (PROSE.to_owned(), 5),
        (PROSE.repeat(3), 5),
        (format!("{PROSE}\n\n"), 5),
        ("- The lease does not say so.\n".to_owned(), 22),
        ("Not stated.\n".to_owned(), 26),
        ("{\"lease\": \"none\", \"note\": null},\n".to_owned(), 26),
        ("0, ".to_owned(), 150),
        ("| n/a | n/a |\n".to_owned(), 40),
        ("-".to_owned(), 300),
        (". ".to_owned(), 150),
    ] {
        let text = "It says: ".to_owned() + &block.repeat(400);
        let (_, took) = streamed(&text).unwrap_or_else(|| panic!("{block:?}"));
        let most = pieces(&block.repeat(copies)).count();
        assert!(took <= most + 12, "{block:?} took {took} tokens, not {most}");
    }
}

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
