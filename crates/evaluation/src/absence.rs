//! An answer that says that the documents don't say it.

use std::sync::LazyLock;

use regex::Regex;

use crate::phrase::plain;
use crate::score::Score;

struct Patterns {
    absent: Regex,
    guess: Regex,
    claim: Regex,
}

static PATTERNS: LazyLock<Option<Patterns>> = LazyLock::new(|| patterns().ok());

/// What documents do.
const SAY: &str = "mention|state|say|specif|contain|give|gave|provid|includ|disclos|report|list|name|indicat|address|defin|appear|present|available|found|find|cover|discuss|describ|record|set out|reveal|answer|tell|quantif|explain|identif|known|determin|occur|refer|show|offer|supply|supplied|note|document";

fn patterns() -> Result<Patterns, regex::Error> {
    Ok(Patterns {
        absent: Regex::new(&format!(
            r"(?x) \bno\s(?:answer|mention|information|statement|indication|reference|provision|clause|figure|data|record|such|evidence|details?|value|number|name|date|passage|part|document|amount|entry|trace|explicit|specific|direct|article|section)\b
              | (?:\b(?:not|never|nowhere|neither|nor|without|cannot)|n't)\s(?:\w+\s){{0,3}}?(?:{SAY})
              | \b(?:contain|mention|state|give|has|have|include|provide|name|report|make|set|list|offer)s?\sno\b
              | \bnot\s(?:\w+\s)?in\s(?:the|any|these|this|either)\b
              | \b(?:none|neither)\s(?:of\s(?:the|these|those|them|my)\s)?(?:\w+\s){{0,3}}?(?:{SAY})
              | \bnothing\s(?:about|on|in|is|that|was|of|regarding)\b | \bnowhere\b
              | \b(?:silent|omits?|lacks?|absent|unanswerable|undisclosed|unspecified|unstated|unknown|missing)\b
              | \b(?:can't|cannot|could\snot|couldn't|can\snot)\sbe\b | \binsufficient\b | \bn/a\b | \bnot\savailable\b
              | \bunable\sto\b | \bno\sone\sof\b | \bfails?\sto\b"
        ))?,
        guess: Regex::new(
            r"\b(?:but|however|although|though|still|nevertheless|typically|usually|generally|presumably|probably|likely|perhaps|would be|should be|can be inferred|suggests?|implies|implied|estimated?|best guess|i think|i believe|assum\w+|commonly|normally)\b[^.]*",
        )?,
        claim: Regex::new(
            r"\d|\b(?:is|are|was|were)\s(?:likely|probably|presumably|about|around|roughly|approximately)\b|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|twelve|thirty|sixty|ninety)\b",
        )?,
    })
}

/// Right where the answer says that it is not there; partly where it also guesses; else wrong.
pub(crate) fn score(answer: &str) -> Score {
    let Some(patterns) = &*PATTERNS else { return Score::wrong("the patterns can't be used") };
    let text = plain(answer);
    if text.trim().is_empty() {
        return Score::wrong("it is empty");
    }
    let sentences: Vec<&str> =
        text.split(['\n']).flat_map(|line| line.split(". ")).filter(|it| !it.trim().is_empty()).collect();
    let Some(at) = sentences.iter().position(|sentence| patterns.absent.is_match(sentence)) else {
        return Score::wrong("it does not say that the documents don't have it");
    };
    let guesses = |sentence: &&str| {
        patterns
            .guess
            .find_iter(sentence)
            .any(|guess| patterns.claim.is_match(guess.as_str()) && !patterns.absent.is_match(guess.as_str()))
    };
    if let Some(guess) = sentences.iter().find(|sentence| guesses(sentence)) {
        return Score::partly(format!("it says that it is not there, and guesses: {}", guess.trim()));
    }
    let is_claim = |sentence: &&str| {
        patterns.claim.is_match(sentence) && !sentence.trim_start().starts_with("according")
    };
    match sentences[..at].iter().find(|sentence| is_claim(sentence)) {
        Some(claim) => Score::partly(format!("it says first: {}", claim.trim())),
        None => Score::right(),
    }
}
