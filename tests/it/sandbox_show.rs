//! What the supervisor's code puts before the supervisor with `show`, in the real executable.

use minions::sandbox::Sandbox;

use crate::sandbox::{answered, sandbox, start};

#[tokio::test]
async fn a_program_shows_what_its_patterns_find() {
    let filler = "nothing of note here. ".repeat(100);
    let log = format!(
        "{filler}The Aurora lay\noff  Brest,\n\n  in twelve fathoms. She left in May.\n{filler}The aurora sank. {filler}"
    );
    let code = r#"
def prepare_jobs(context):
    found = show(context, "aurora lay off", before=4, after=30)
    assert found == 1, found
    assert show(context, r"aurora", before=0, after=5) == 2
    assert show(context, "nothing of note", before=0, after=0, most=2) == 400
    assert show(context, "lay.{1,20}brest") == 1 and show(context, "lay.+brest") == 0
    assert show(context, "^off") == 1 and show(context, "twelve *fathoms") == 1
    assert show(context, r"(?<=The )Aurora|(she) left") == 3
    assert show(context[1], re.compile("AURORA")) == 0
    assert show("C++ and C# 1+2+3", "C[^ ]+") == 2 and show("C++ and C# 1+2+3", "[0-9 ]{5}") == 0
    assert show("a total  cost", r"(?x) total \s+ cost") == 1 and show("ab cd", r"(\w+\s?)+!") == 0
    for wrong in (lambda: show(context, ["a"]), lambda: show(context, "a", most=-1), lambda: show(context, "a", before=1.5)):
        try:
            wrong()
            assert False
        except (TypeError, ValueError) as error:
            assert "show() takes" in str(error)
    assert show("a text of its own", r"own$", before=3) == 1
    show(f"{found} of {len(context)}")
    return []
"#;
    let names = vec!["log.txt".to_owned()];
    let mut session = Sandbox { names, ..sandbox() }.start(code, &[&*log, &filler]).await.unwrap();
    assert_eq!(session.prepare_jobs(&[], &[]).await.unwrap(), []);
    let (text, places) = (&session.shown().text, session.shown().places);
    let heads: Vec<_> = text.lines().filter(|line| !line.starts_with('[')).collect();
    for head in [
        "1 of 2",
        "/aurora lay off/: 1 places",
        "/aurora/: 2 places",
        "/nothing of note/: 400 places, 2 of them here",
        "/AURORA/: nowhere",
        "/own$/: 1 places",
        "its own",
    ] {
        assert!(heads.contains(&head), "{head}: {text}");
    }
    assert!(text.contains("The Aurora lay\noff Brest,\nin twelve fathoms. She left in May.\n"), "{text}");
    assert!(text.contains("The aurora sank. nothing of note"), "{text}");
    assert_eq!(text.matches("twelve fathoms").count(), 1, "each passage stands once: {text}");
    assert_eq!(places, 414);
}

#[tokio::test]
async fn lines_that_end_as_on_windows_are_found_like_others() {
    let unix = "The Aurora lay off Brest.\n\nCaptain Émile said no.\nIn\nmay she left. 12 men\nand 44 more\n";
    let patterns = r#"[r"Brest\.$", r"brest\.\s\scaptain", r"In\nmay", r"in\smay", r"^captain", r"said.no\.$", r"(?<=no\.\n)In may",
        r"brest.{3}captain", r"[^\n]+$", r"\n\n", "in may she left", r"\d+ men$", re.compile(r"^and.*more$", re.M), r"\w+(?!\S)\n",
        r"(?<!not )aurora lay off", r"(?<=The )(?<!a\(b )Aurora lay", r"(a|b|(?<=In\n)may) she left", r"(?x: 12 \s+ men )\sand", r"(?x:12 \x20 men)\nand"]"#;
    let code = format!(
        r#"
def prepare_jobs(context):
    for pattern in {patterns}:
        assert show(context[0], pattern) == show(context[1], pattern) > 0, pattern
    assert show(context, r"\r\n") == 6 and show(context[:1], "\r") == 0
    assert show("a\nb\r\nc\rd\r\n", r"^\w") == 3
    assert show("x \ud800 y\r\nneedle", "needle$", most=0) == 1 and show("\ud800 y", "y", most=0) == 1
    return []
"#
    );
    let windows = unix.replace('\n', "\r\n");
    start(&code, &[unix, &windows]).await.prepare_jobs(&[], &[]).await.unwrap();
    let code = r#"
def prepare_jobs(context):
    show(context, r"^Entry 7\d\n.*needle$", before=0, after=0, most=1)
    return []
"#;
    let text: String = (0..200).map(|n| format!("Entry {n}\r\nwith a needle\r\n\r\n")).collect();
    let mut session = start(code, &[&text]).await;
    session.prepare_jobs(&[], &[]).await.unwrap();
    let shown = &session.shown().text;
    assert!(shown.contains("Entry 70\nwith a needle") && shown.contains("10 places"), "{shown}");
}

#[tokio::test]
async fn a_pattern_that_stands_nowhere_tells_where_its_parts_do() {
    let text = "The auction was held in May. The old machine went for a song. A second auction, in June.";
    let code = r#"
def prepare_jobs(context):
    show(context, r"auction[^.]{0,80}machine")
    show(context, r"(auction|sale).*piano")
    show(context, r"harp")
    show(context, r"(a[^.]*b|z)")
    return []
"#;
    let mut session = start(code, &[text]).await;
    session.prepare_jobs(&[], &[]).await.unwrap();
    assert_eq!(
        session.shown().text,
        "/auction[^.]{0,80}machine/: nowhere (auction: 2, machine: 1)\n\
         /(auction|sale).*piano/: nowhere ((auction|sale): 2, piano: 0)\n/harp/: nowhere\n/(a[^.]*b|z)/: nowhere"
    );
}

#[tokio::test]
async fn a_passage_is_labelled_with_its_class_and_its_date() {
    let lines = "        self.valve.turn(90)\n".repeat(20);
    let code = format!(
        "# A comment\nclass Pump(Thing):\n    def start(self):\n{lines}        self.limit = 40\n\n\ndef stop():\n{lines}    return 50\n"
    );
    let minutes = "MEETING HELD ON 10 SEPTEMBER 2013 AT THE DEPOT\n\n1.1 Apologies\n\nNone.\n\n1.2 Pumps\n\n\
                   The old pump fetched 23 pounds.\n\n1.3 Other business\n\nThere was none of it.\n";
    let program = r#"
def prepare_jobs(context):
    show(context, r"self.limit =|return 50|The old pump fetched", before=0, after=10)
    return []
"#;
    let names = vec!["pump.py".to_owned(), "minutes.txt".to_owned()];
    let mut session = Sandbox { names, ..sandbox() }.start(program, &[&*code, minutes]).await.unwrap();
    session.prepare_jobs(&[], &[]).await.unwrap();
    let text = &session.shown().text;
    for part in [
        ", class Pump, def start] self.limit = 40\n",
        ", def stop] return 50\n",
        ", MEETING HELD ON 10 SEPTEMBER 2013 AT THE DEPOT, 1.2 Pumps] The old pump fetched 23 pounds.",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[tokio::test]
async fn headings_are_known_by_their_dates_and_by_standing_alone() {
    let body = "It rained on the crew for a while. Nothing else was seen of note,\nand January 2019 was no better, said all.\n\n";
    let lines = [
        ("20200126\n", ", 20200126"),
        ("2020-01-26  Ada Byron  <ada@example.org>\n", ", 2020-01-26 Ada Byron <ada@example.org>"),
        ("2006/9/10\n", ", 2006/9/10"),
        ("* Tue Jan 02 2020 Ada Byron - 1.2", ", * Tue Jan 02 2020 Ada Byron - 1.2"),
        ("26 January 2020\n", ", 26 January 2020"),
        ("Friday, 1 January. Watch: Lunde", ", Friday, 1 January. Watch: Lunde"),
        ("==== JANUARY 2021 ====\n", ", JANUARY 2021"),
        ("Changes to Squid-3.3.13 (Feb 19, 2014):\n", ", Changes to Squid-3.3.13 (Feb 19, 2014):"),
        ("----\r\nMeeting no. 312, 18 January 2020\r\n\r", ", Meeting no. 312, 18 January 2020"),
        ("Note 7. Tax\n", ", Note 7. Tax"),
        // What has no year is told with the heading above that has one.
        (
            "----\nMeeting no. 312, 18 January 2020\n\nIt rained.\n\n3. Pumps\n",
            ", Meeting no. 312, 18 January 2020, 3. Pumps",
        ),
        ("## Notes of 2018\n\nIt rained.\n\n20200126\n", ", 20200126"),
        // Sentences that begin with a date, rows of tables, and what leads to a list head nothing.
        ("14 February 2020, the committee met", ""),
        ("May 5 people came that day", ""),
        ("December 31, 2019   23   45", ""),
        ("2019-01-02 23 45", ""),
        ("It is as follows:\n", ""),
    ];
    let texts = lines.map(|(line, _)| format!("{body}{line}\n{body}A needle lay there.\n\n{body}"));
    let code = "def prepare_jobs(context):\n    show(context, 'A needle lay', before=0, after=0, most=5)\n    return []";
    let texts: Vec<_> = texts.iter().map(String::as_str).collect();
    for (texts, lines) in texts.chunks(5).zip(lines.chunks(5)) {
        let mut session = start(code, texts).await;
        session.prepare_jobs(&[], &[]).await.unwrap();
        let shown = &session.shown().text;
        let found: Vec<_> =
            shown.lines().filter_map(|line| line.split_once('%')?.1.split_once("] A needle")).collect();
        let labels: Vec<_> = lines.iter().map(|(_, label)| *label).collect();
        assert_eq!(found.iter().map(|(label, _)| *label).collect::<Vec<_>>(), labels, "{shown}");
    }
}

#[tokio::test]
async fn many_patterns_and_long_passages_have_their_limit_and_say_so() {
    let text = format!("BEGIN {}the verdict is guilty END", "x y z ".repeat(3000));
    let code = r#"
def prepare_jobs(context):
    for n in range(100):
        show(context, f"nothing like {n} {'q' * 45}")
    show(context, r"BEGIN[\s\S]+END")
    return []
"#;
    let mut session = start(code, &[&text]).await;
    session.prepare_jobs(&[], &[]).await.unwrap();
    let shown = &session.shown().text;
    assert!(shown.chars().count() < 9000 && shown.contains("[80 more patterns stand nowhere]"), "{shown}");
    assert!(shown.contains("x y z..."), "{shown}");
    let code = "def prepare_jobs(context):\n    for n in range(300):\n        show(context, f'a{n}')";
    let ran = start(code, &["a"]).await.prepare_jobs(&[], &[]).await;
    assert!(ran.unwrap_err().to_string().contains("200 patterns"));
}

#[tokio::test]
async fn what_is_shown_has_its_heading_and_its_share_of_the_room() {
    let entry = |n: usize| {
        format!(
            "## Release {n}\n\nFixed a bug of the {} parser, reported by user {n}. It was there for long.\n\n",
            if n == 77 { "YAML" } else { "JSON" }
        )
    };
    let notes: String = (0..200).map(entry).collect();
    let code = r#"
def prepare_jobs(context):
    show(context, "parser", before=200, after=400, most=100)
    show(context, "yaml parser|json parser", before=10, after=30, most=2)
    return []
"#;
    let mut session = start(code, &[&notes]).await;
    session.prepare_jobs(&[], &[]).await.unwrap();
    let text = &session.shown().text;
    let (loose, tight) = text.split_once("/yaml parser|json parser/: 200 places, ").expect(text);
    assert!(text.chars().count() < 4500 && loose.chars().count() > 1500, "{text}");
    assert!(tight.contains("YAML parser, reported by user 77"), "{text}");
}

#[tokio::test]
async fn what_is_shown_later_is_added_and_what_was_shown_stays() {
    for (more, expected) in
        [("show('a later text')", "an early text\na later text"), ("pass", "an early text")]
    {
        let code = format!(
            "def prepare_jobs(context):\n    show('an early text')\n    return [JobManifest(c, 't') for c in context]\n\
             def transform_outputs(jobs):\n    {more}\n    return 'done'"
        );
        let mut session = start(&code, &["a"]).await;
        let manifests = session.prepare_jobs(&[], &[]).await.unwrap();
        assert_eq!(session.shown().text, "an early text");
        session.transform_outputs(&answered(&manifests)).await.unwrap();
        assert_eq!(session.shown().text, expected);
    }
}

/// Wherever a text is cut for the search.
#[tokio::test]
async fn headings_far_above_and_close_are_found_in_long_texts() {
    let line = "The crew wrote what it saw, and nothing else was kept.\n";
    for before in [0, 4_400, 9_950, 9_985, 9_999, 19_960] {
        for (between, below, head) in [
            (2, 0, ", LETTER ONE, 1912, Section Two"),
            (2, 40, ", LETTER ONE, 1912, Section Two"),
            (900, 40, ", Section Two"),
            (2, 200, ", LETTER ONE, 1912"),
            (900, 200, ""),
        ] {
            let text = format!(
                "{}\nLETTER ONE, 1912\n{}Section Two\n{}A needle lay there.\n{}",
                "x".repeat(before),
                line.repeat(between),
                line.repeat(below),
                line.repeat(300),
            );
            let code =
                "def prepare_jobs(context):\n    show(context, 'needle', before=0, after=10)\n    return []";
            let mut session = start(code, &[&text]).await;
            session.prepare_jobs(&[], &[]).await.unwrap();
            let shown = &session.shown().text;
            assert!(shown.contains(&format!("%{head}] ")), "{before} {between} {below}: {shown}");
        }
    }
}
