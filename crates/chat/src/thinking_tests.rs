//! Tests of the parser of thoughts.

use super::thinking::{FAMILIES, PLAIN_WORDS, without_thoughts};

#[test]
fn thoughts_of_every_family_are_left_out() {
    for (open, close) in FAMILIES {
        for text in [
            format!("{open}my secret{close}Yes."),
            format!(" {open}\nmy secret\n{close}\n\nYes.\n"),
            format!("{open}my secret{close}\n{open}\nand another\n{close}\nYes."),
            format!("{open}my secret{close}<answer>\nYes.\n</answer>\n"),
        ] {
            assert_eq!(without_thoughts(&text), "Yes.", "{text}");
        }
        if *open == PLAIN_WORDS {
            continue;
        }
        for text in [
            format!("my secret{close}Yes."),
            format!("my secret\n{close}\n\nYes."),
            format!("my secret.{close} Yes."),
            format!("{close}\n\nYes."),
            format!("{open}my secret{close}\n{close}\nYes."),
            format!("my secret\n{close}\nand more\n{close}\nYes."),
            format!("{}my secret{}Yes.", open.to_uppercase(), close.to_lowercase()),
        ] {
            assert_eq!(without_thoughts(&text), "Yes.", "{text}");
        }
        for text in [format!("{open}never ends"), format!("{open}my secret{close}\n"), (*open).to_owned()] {
            assert_eq!(without_thoughts(&text), "", "{text}");
        }
    }
}

#[test]
fn the_final_channel_is_the_answer() {
    let analysis = "<|channel|>analysis<|message|>my secret<|end|><|start|>assistant";
    for text in [
        format!("{analysis}<|channel|>final<|message|>Yes."),
        format!("{analysis}<|channel|>final<|message|>Yes.<|return|>"),
        format!("<|start|>assistant{analysis}<|channel|>final <|constrain|>json<|message|> Yes. <|end|>\n"),
        format!(
            "{analysis}<|channel|>commentary to=x<|message|>{{}}<|call|>{analysis}<|channel|>final<|message|>Yes."
        ),
        format!(
            "{analysis}<|channel|>final<|message|>No.<|end|><|start|>assistant<|channel|>final<|message|>Yes."
        ),
        "analysis<|message|>my secret<|end|><|start|>assistant<|channel|>final<|message|>Yes.".to_owned(),
        "<|message|>Yes.<|return|>".to_owned(),
        "analysisWe think.assistantfinalYes.".to_owned(),
    ] {
        assert_eq!(without_thoughts(&text), "Yes.", "{text}");
    }
    for cut in [analysis, "<|channel|>analysis<|message|>my secret", "analysisWe think."] {
        assert_eq!(without_thoughts(cut), "", "{cut}");
    }
}

#[test]
fn a_text_that_speaks_of_marks_stays() {
    for text in [
        "Yes.",
        "It came in 1931. The page shows the tag [THINK] and </think> as text.",
        "The tag <think> ends with </think>\nin this text",
        "<think> and </think> are the tags.",
        "</think> is a tag.",
        "1931\n</think> is how it ends, says page 3",
        "It ends with `</think>` or \"</think>\".",
        r#"{"a": "</think>"}"#,
        "{\"a\": \"x.</think>Y\"}",
        "```\nx\n</think>\n```",
        "<thinker> is a tag",
        "<answer>Yes.</answer>",
        "The format has <|channel|>final<|message|> in it.",
        "<|channel|> is a token.",
        "analysis of the text",
        "Analysis: a</b",
        "Here is my thought process: it came in 1931.",
    ] {
        assert_eq!(without_thoughts(text), text);
    }
}
