//! Equations of Office (OMML, ECMA-376 part 1, 22.1) as text in a line: `x=(-b±√(b^2-4ac))/(2a)`.

use crate::draft::Stop;
use crate::xml::{Element, Xml};

/// The children of a structure by their names: arguments as text, characters of its properties by their element.
type Parts = Vec<(String, String)>;

/// The equation in the element that was opened last.
pub(super) fn linear(xml: &mut Xml<'_>) -> Result<String, Stop> {
    let mut line = String::new();
    xml.each(|xml, element| {
        line.push_str(&item(xml, element)?);
        Ok(())
    })?;
    Ok(line)
}

fn item(xml: &mut Xml<'_>, element: &Element) -> Result<String, Stop> {
    Ok(match element.name() {
        "t" => xml.text()?,
        "del" | "moveFrom" => String::new(),
        name if name.ends_with("Pr") => String::new(),
        "f" => {
            let parts = parts(xml)?;
            format!("{}/{}", grouped(part(&parts, "num")), grouped(part(&parts, "den")))
        }
        "sSup" | "sSub" | "sSubSup" => scripts(&parts(xml)?, "e"),
        "sPre" => {
            let parts = parts(xml)?;
            format!("{}{}", scripts(&parts, ""), part(&parts, "e"))
        }
        "limLow" => limits(&parts(xml)?, '_'),
        "limUpp" => limits(&parts(xml)?, '^'),
        "rad" => {
            let parts = parts(xml)?;
            let degree = part(&parts, "deg");
            let degree = if degree.is_empty() { String::new() } else { format!("[{degree}]") };
            format!("√{degree}({})", part(&parts, "e"))
        }
        "nary" => {
            let parts = parts(xml)?;
            let operator = character(&parts, "chr").unwrap_or("∫");
            format!("{operator}{} {}", scripts(&parts, ""), part(&parts, "e"))
        }
        "d" => delimited(&parts(xml)?),
        "func" => {
            let parts = parts(xml)?;
            format!("{} {}", part(&parts, "fName"), part(&parts, "e"))
        }
        "acc" => {
            let parts = parts(xml)?;
            format!("{}{}", part(&parts, "e"), character(&parts, "chr").unwrap_or("\u{302}"))
        }
        "m" => format!("[{}]", rows(&parts(xml)?, "mr")),
        "mr" => {
            let parts = parts(xml)?;
            let cells: Vec<&str> = all(&parts, "e").collect();
            cells.join(", ")
        }
        "eqArr" => rows(&parts(xml)?, "e"),
        _ => linear(xml)?,
    })
}

fn parts(xml: &mut Xml<'_>) -> Result<Parts, Stop> {
    let mut parts = Parts::new();
    xml.each(|xml, element| {
        if element.name().ends_with("Pr") {
            return xml.each(|_, property| {
                let value = property.attr("val").unwrap_or_default().into_owned();
                parts.push((property.name().to_owned(), value));
                Ok(())
            });
        }
        let text = if element.name() == "mr" { item(xml, element)? } else { linear(xml)? };
        parts.push((element.name().to_owned(), text));
        Ok(())
    })?;
    Ok(parts)
}

fn all<'p>(parts: &'p Parts, name: &'static str) -> impl Iterator<Item = &'p str> {
    parts.iter().filter(move |(found, _)| found == name).map(|(_, text)| text.as_str())
}

fn part<'p>(parts: &'p Parts, name: &'static str) -> &'p str {
    all(parts, name).next().unwrap_or_default()
}

fn character<'p>(parts: &'p Parts, name: &'static str) -> Option<&'p str> {
    all(parts, name).next()
}

/// The base with what stands below and above it.
fn scripts(parts: &Parts, base: &'static str) -> String {
    let mut text = part(parts, base).to_owned();
    for (name, mark) in [("sub", '_'), ("sup", '^')] {
        let script = parts.iter().find(|(found, _)| found == name).map_or("", |(_, text)| text.as_str());
        if !script.is_empty() {
            text.push(mark);
            text.push_str(&grouped(script));
        }
    }
    text
}

fn limits(parts: &Parts, mark: char) -> String {
    format!("{}{mark}{}", part(parts, "e"), grouped(part(parts, "lim")))
}

fn delimited(parts: &Parts) -> String {
    let inner: Vec<&str> = all(parts, "e").collect();
    format!(
        "{}{}{}",
        character(parts, "begChr").unwrap_or("("),
        inner.join(character(parts, "sepChr").unwrap_or("|")),
        character(parts, "endChr").unwrap_or(")")
    )
}

fn rows(parts: &Parts, name: &'static str) -> String {
    all(parts, name).collect::<Vec<_>>().join("; ")
}

/// In parentheses, unless it is one word or number.
fn grouped(text: &str) -> String {
    let text = text.trim();
    let is_one = text.chars().all(|letter| letter.is_alphanumeric() || letter == '.');
    if is_one { text.to_owned() } else { format!("({text})") }
}
