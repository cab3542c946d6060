//! Equations of Office (OMML, ECMA-376 part 1, 22.1) as text in a line: `x=(-b±√(b^2-4ac))/(2a)`.

use crate::draft::Stop;
use crate::formula::{Part, fraction, joined, root, scripts};
use crate::xml::{Element, Xml};

/// The children of a structure by their names: arguments as text, characters of its properties by their element.
type Parts = Vec<(String, String)>;

/// The equation in the element that was opened last.
pub(super) fn linear(xml: &mut Xml<'_>) -> Result<String, Stop> {
    Ok(row(xml)?.text)
}

fn row(xml: &mut Xml<'_>) -> Result<Part, Stop> {
    let mut row = Vec::new();
    xml.each(|xml, element| {
        row.push(item(xml, element)?);
        Ok(())
    })?;
    Ok(joined(row))
}

fn item(xml: &mut Xml<'_>, element: &Element) -> Result<Part, Stop> {
    Ok(match element.name() {
        "t" => Part::typed(xml.text()?),
        "del" | "moveFrom" => Part::default(),
        name if name.ends_with("Pr") => Part::default(),
        "f" => {
            let parts = parts(xml)?;
            let has_line = character(&parts, "type") != Some("noBar");
            fraction(part(&parts, "num"), part(&parts, "den"), has_line)
        }
        "sSup" | "sSub" | "sSubSup" => scripted(&parts(xml)?, "e"),
        "sPre" => {
            let parts = parts(xml)?;
            Part::built(format!("{}{}", scripted(&parts, "").text, part(&parts, "e")))
        }
        "limLow" => {
            let parts = parts(xml)?;
            scripts(part(&parts, "e"), part(&parts, "lim"), "")
        }
        "limUpp" => {
            let parts = parts(xml)?;
            scripts(part(&parts, "e"), "", part(&parts, "lim"))
        }
        "rad" => {
            let parts = parts(xml)?;
            root(part(&parts, "deg"), part(&parts, "e"))
        }
        "nary" => {
            let parts = parts(xml)?;
            let operator = character(&parts, "chr").unwrap_or("∫");
            Part::built(format!("{operator}{} {}", scripted(&parts, "").text, part(&parts, "e")))
        }
        "d" => delimited(&parts(xml)?),
        "func" => {
            let parts = parts(xml)?;
            Part::built(format!("{} {}", part(&parts, "fName"), part(&parts, "e")))
        }
        "acc" => {
            let parts = parts(xml)?;
            Part::typed(format!("{}{}", part(&parts, "e"), character(&parts, "chr").unwrap_or("\u{302}")))
        }
        "m" => Part::typed(format!("[{}]", rows(&parts(xml)?, "mr"))),
        "mr" => {
            let parts = parts(xml)?;
            let cells: Vec<&str> = all(&parts, "e").collect();
            Part::typed(cells.join(", "))
        }
        "eqArr" => Part::typed(rows(&parts(xml)?, "e")),
        _ => row(xml)?,
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
        let text = if element.name() == "mr" { item(xml, element)?.text } else { linear(xml)? };
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
fn scripted(parts: &Parts, base: &'static str) -> Part {
    scripts(part(parts, base), part(parts, "sub"), part(parts, "sup"))
}

fn delimited(parts: &Parts) -> Part {
    let inner: Vec<&str> = all(parts, "e").collect();
    Part::typed(format!(
        "{}{}{}",
        character(parts, "begChr").unwrap_or("("),
        inner.join(character(parts, "sepChr").unwrap_or("|")),
        character(parts, "endChr").unwrap_or(")")
    ))
}

fn rows(parts: &Parts, name: &'static str) -> String {
    all(parts, name).collect::<Vec<_>>().join("; ")
}
