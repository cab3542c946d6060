//! Answers in natural wording against what is known: each kind in both directions.

use minions_evaluation::Verdict::{Partly, Right, Wrong};
use minions_evaluation::{Question, Verdict};
use serde_json::{Value, json};

fn verdict(answer: &Value, given: &str) -> (Verdict, String) {
    let question =
        Question::parse(&json!({"id": "q", "task": "t", "answer": answer})).expect("a good question");
    let score = question.answer.score(given).expect("no judge is needed");
    (score.verdict, score.why)
}

/// Holds answers against one gold answer.
fn hold(gold: Value, answers: &[(Verdict, &str)]) {
    let wrong: Vec<String> = answers
        .iter()
        .filter_map(|(expected, given)| {
            let (found, why) = verdict(&gold, given);
            (found != *expected).then(|| format!("{given:?}: {found:?} ({why}), expected {expected:?}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{gold}\n{}", wrong.join("\n"));
}

#[test]
fn amounts_of_money() {
    hold(
        json!({"number": 72705, "unit": "million dollars"}),
        &[
            (Right, "Net property and equipment was $72,705 million as of December 31, 2019."),
            (Right, "$72.705 billion"),
            (Right, "72,705,000,000 US dollars"),
            (Right, "**$72,705 million** (2018: $61,797 million)"),
            (
                Right,
                "Total property and equipment, net, was $61,797 million in 2018 and $72,705 million in 2019.",
            ),
            (Right, "USD 72,705 million"),
            (Right, "72 705 million dollars"),
            (Right, "The report gives (in millions) $72,705."),
            (Partly, "It was 72,705."),
            (Partly, "Either $72,705 million or $61,797 million, the table is unclear."),
            (Wrong, "$72.7 billion"),
            (Wrong, "$61,797 million"),
            (Wrong, "€72,705 million"),
            (Wrong, "It was $61,797 million, not $72,705 million."),
            (Wrong, "The document does not state it."),
            (Wrong, "$119,680 million gross, less $46,975 million."),
        ],
    );
    hold(
        json!({"number": 72.7, "unit": "billion dollars", "tolerance": "0.5%"}),
        &[
            (Right, "$72,705 million"),
            (Right, "about 72.7bn dollars"),
            (Right, "Roughly $72.7B."),
            (Wrong, "$72.7 million"),
            (Wrong, "$74 billion"),
        ],
    );
    hold(
        json!({"number": -1234, "unit": "euros"}),
        &[(Right, "a loss of €1,234"), (Right, "−1.234,00 EUR"), (Right, "€(1,234)"), (Wrong, "1,233 euros")],
    );
}

#[test]
fn counts() {
    hold(
        json!({"number": 12}),
        &[
            (Right, "There are 12 security releases."),
            (Right, "Twelve."),
            (Right, "A dozen releases are marked as security releases."),
            (Right, "12 (20.1.0, 20.3.1, 20.5.1 and nine others)"),
            (Right, "Of the 58 releases listed since 2023, the total is 12."),
            (Right, "I counted them part by part: 5 in 2023, 7 in 2024. So the answer is 12."),
            (Right, "no more than 12"),
            (Partly, "12 or 13, one entry is unclear."),
            (Partly, "between 10 and 12"),
            (Partly, "There were 15 releases, 12 of them in 2024."),
            (Wrong, "There are 13 security releases."),
            (Partly, "Version 12 is the last one."),
            (Wrong, "On 12 March 2024 there were 3."),
            (Wrong, "It is not 12 but 13."),
            (Wrong, "13 [12]"),
            (Wrong, "1.12.0 and 2.12"),
            (Wrong, "The first list has 120 entries."),
        ],
    );
    hold(
        json!({"number": 12, "unit": "page"}),
        &[(Right, "On page 12, at the top."), (Wrong, "On page 13, line 4.")],
    );
    hold(
        json!({"number": 3}),
        &[
            (Right, "Three of them."),
            (Right, "1. Alpha\n2. Beta\n3. Gamma\n\nThere are three methods."),
            (Partly, "There are 5 releases, 3 of them patches."),
            (Wrong, "1. Alpha\n2. Beta\n3. Gamma"),
            (Wrong, "Table 3 lists 4 methods."),
            (Wrong, "There are two."),
        ],
    );
    hold(
        json!({"number": 1}),
        &[(Right, "Only one method is wrong."), (Right, "One."), (Wrong, "One of the two is, so 2.")],
    );
    hold(
        json!({"number": 0}),
        &[
            (Right, "None of the ships."),
            (Right, "0"),
            (Right, "There are no such releases."),
            (Wrong, "Two, no more."),
        ],
    );
    hold(
        json!({"number": 21, "unit": "ships"}),
        &[(Right, "twenty-one ships"), (Right, "21 ships"), (Wrong, "twenty ships")],
    );
    hold(
        json!({"number": 1_250_000}),
        &[
            (Right, "1.25 million inhabitants"),
            (Right, "one million two hundred fifty thousand"),
            (Right, "1'250'000"),
            (Right, "1.250.000"),
            (Right, "1.25 × 10^6"),
            (Wrong, "1.25 billion"),
            (Wrong, "125,000"),
        ],
    );
}

#[test]
fn shares_times_and_sizes() {
    hold(
        json!({"number": 63.3, "unit": "%", "tolerance": 0.1}),
        &[
            (Right, "63.3%"),
            (Right, "AWS made 63.3 percent of operating income ($9,201 of $14,541 million)."),
            (Right, "$9,201 million / $14,541 million = 63.28 %"),
            (Right, "a share of 0.633"),
            (Wrong, "36.7%"),
            (Wrong, "63.3 basis points"),
            (Wrong, "It rose by 6.33%."),
        ],
    );
    hold(
        json!({"number": 897, "unit": "days"}),
        &[
            (Right, "897 days"),
            (Right, "The longest gap was 897 days, from 2021-06-12 to 2023-11-26."),
            (Right, "897"),
            (Wrong, "896 days"),
            (Wrong, "897 weeks"),
            (Wrong, "It lasted from 2021-06-12 to 2023-11-26."),
        ],
    );
    hold(
        json!({"number": 90, "unit": "minutes"}),
        &[
            (Right, "1.5 hours"),
            (Right, "90 min"),
            (Right, "5,400 seconds"),
            (Wrong, "90 seconds"),
            (Wrong, "1.5 min"),
        ],
    );
    hold(
        json!({"number": 30, "unit": "days"}),
        &[
            (Right, "thirty (30) days"),
            (Right, "within 30 days of the notice"),
            (Right, "a 30-day period"),
            (Wrong, "60 days"),
            (Wrong, "30 months"),
        ],
    );
    hold(
        json!({"number": 5, "unit": "km"}),
        &[(Right, "5,000 m"), (Right, "5km"), (Wrong, "5 m"), (Wrong, "50 km")],
    );
    hold(
        json!({"number": 64, "unit": "KiB"}),
        &[(Right, "65536 bytes"), (Right, "64 KiB"), (Wrong, "64 MiB"), (Wrong, "32 KiB")],
    );
    hold(
        json!({"number": 20, "unit": "mg"}),
        &[(Right, "20 mg twice a day"), (Right, "0.02 g"), (Wrong, "20 g"), (Wrong, "40 mg")],
    );
    hold(
        json!({"number": 1815}),
        &[
            (Right, "In 1815."),
            (Right, "He was born on 10 December 1815."),
            (Right, "It was published in 1815, in London."),
            (Wrong, "In 1816."),
            (Wrong, "The 18th of June"),
        ],
    );
    hold(json!({"number": 13, "tolerance": 1}), &[(Right, "about 12"), (Right, "14"), (Wrong, "15")]);
}

#[test]
fn words_alone() {
    hold(
        json!({"exact": ["Mary Shelley", "M. Shelley"]}),
        &[
            (Right, "Mary Shelley"),
            (Right, "mary shelley."),
            (Right, "The author is **Mary Shelley**."),
            (Right, "Answer: Mary Shelley"),
            (Right, "“M. Shelley”"),
            (Right, "It was written by Mary Shelley. The title page names her."),
            (Partly, "Mary Shelley or Percy Shelley"),
            (Partly, "Mary Shelley's husband"),
            (Wrong, "Percy Shelley"),
            (Wrong, "The author is not Mary Shelley."),
            (Wrong, ""),
        ],
    );
    hold(
        json!({"exact": "19.2.1"}),
        &[
            (Right, "Version 19.2.1"),
            (Right, "19.2.1"),
            (Partly, "19.2.0 or 19.2.1"),
            (Wrong, "19.2.10"),
            (Wrong, "9.2.1"),
        ],
    );
    hold(
        json!({"exact": "the Danube"}),
        &[(Right, "Danube"), (Right, "It is the Danube"), (Wrong, "The Rhine")],
    );
}

#[test]
fn words_somewhere() {
    hold(
        json!({"contains": ["Gadobutrol", ["3 May 2017", "05/03/2017", "May 3"]]}),
        &[
            (Right, "The contrast agent was Gadobutrol, given on May 3rd... that is, 3 May 2017."),
            (Right, "gadobutrol (05/03/2017)"),
            (Partly, "Gadobutrol was used."),
            (Partly, "Not Gadobutrol but Gadoterate, on 3 May 2017."),
            (Wrong, "Iohexol"),
        ],
    );
    hold(
        json!({"contains": "Brest", "not": ["Lorient"]}),
        &[
            (Right, "Off Brest."),
            (Right, "Off Brest, not Lorient."),
            (Partly, "Off Brest or Lorient."),
            (Wrong, "Off Lorient."),
            (Wrong, "Off Bresten."),
        ],
    );
    hold(json!({"contains": "retry_max"}), &[(Right, "`retry_max` is 5"), (Wrong, "`retry_max_wait` is 5")]);
    hold(
        json!({"regex": r"(?i)\bclause\s+7\b"}),
        &[(Right, "It is in Clause 7."), (Wrong, "It is in clause 17.")],
    );
}

#[test]
fn several_things() {
    hold(
        json!({"set": ["FinanceBench", "LongHealth", ["QASPER", "Qasper dataset"]]}),
        &[
            (Right, "The three datasets are FinanceBench, LongHealth and QASPER."),
            (Right, "QASPER; LongHealth; FinanceBench"),
            (Right, "- FinanceBench (financial reports)\n- LongHealth: letters of hospitals\n- Qasper"),
            (
                Right,
                "They evaluate on FinanceBench, LongHealth, and QASPER, which cover finance, medicine and science.",
            ),
            (Right, "FinanceBench, LongHealth, QASPER"),
            (Partly, "FinanceBench and LongHealth."),
            (Partly, "FinanceBench, LongHealth, QASPER and HotpotQA"),
            (Partly, "1. FinanceBench\n2. LongHealth\n3. QASPER\n4. HotpotQA"),
            (Wrong, "HotpotQA and SQuAD"),
            (Wrong, "The document does not name them."),
        ],
    );
    hold(
        json!({"set": ["filter_data", "transform_column"], "more": true}),
        &[
            (Right, "`filter_data`, `transform_column`, and perhaps `load_data`"),
            (Partly, "`filter_data`"),
            (Wrong, "`load_data`"),
        ],
    );
    hold(
        json!({"set": ["filter_data", "transform_column"]}),
        &[
            (
                Right,
                "The methods with errors are `filter_data` (it keeps the wrong rows) and `transform_column` (it adds).",
            ),
            (Partly, "The methods are `filter_data`, `transform_column` and `load_data`."),
        ],
    );
    hold(
        json!({"set": ["Alpha", "Gamma"], "not": ["Beta"]}),
        &[(Right, "Alpha and Gamma, but not Beta."), (Partly, "Alpha, Beta and Gamma")],
    );
}

#[test]
fn what_is_not_there() {
    hold(
        json!({"none": true}),
        &[
            (Right, "No answer found."),
            (Right, "The document does not state the number of employees."),
            (Right, "The number of employees isn't mentioned in the parts that were searched."),
            (Right, "The documents contain no governing law clause."),
            (Right, "Neither the lease nor the letters mention a deposit."),
            (Right, "It cannot be determined from the document."),
            (Right, "None of the 26 parts gives a number."),
            (Right, "The GPL is silent on this; it names no court."),
            (Right, "Not specified."),
            (Right, "I searched the whole of the text. Nothing about `gen` blocks is in it."),
            (Partly, "The document doesn't say, but it is typically 30 days."),
            (Partly, "Not explicitly stated, although it is likely about 800,000."),
            (Partly, "It has 798,000 employees. The document doesn't say when."),
            (Wrong, "30 days"),
            (Wrong, "The governing law is that of California."),
            (Wrong, ""),
        ],
    );
}

#[test]
fn several_parts() {
    let gold = json!({"all": [{"number": 9, "unit": "August"}, {"contains": "Seattle"}]});
    hold(gold, &[(Right, "9, in Seattle"), (Partly, "8, in Seattle"), (Wrong, "8, in Paris")]);
}

#[test]
fn a_judge_is_a_models_work() {
    let question = Question::parse(&json!({"id": "q", "task": "t", "answer": {"judge": "Ada"}})).unwrap();
    assert!(question.answer.score("Ada").is_none());
}

/// What models write may be cut anywhere and hold anything.
#[test]
fn every_text_has_a_score() {
    let text = "−€1.234,5 × 10^6 (12–13 %)\n1. „Ä́b“ 1,2,3 five hundred and fifty-two million½ 5m³ v1.2.3 [7] $ 20 no more, ﬁve or 6 2019-12-31                 and it isn't; 1_000 '2' minus three point 7e3e4 99th 10 to 12 between 3 and 4 — none 1 000 000 us$5bn §4 №9 ١٢";
    let golds = [
        json!({"number": 12, "unit": "million dollars", "tolerance": "1%"}),
        json!({"number": 0}),
        json!({"exact": "five"}),
        json!({"set": ["b", "six"], "not": ["c"]}),
        json!({"contains": [["5", "five"], "Äb"]}),
        json!({"none": true}),
    ];
    for gold in golds {
        for (at, _) in text.char_indices() {
            verdict(&gold, &text[at..]);
            verdict(&gold, &text[..at]);
        }
    }
}
