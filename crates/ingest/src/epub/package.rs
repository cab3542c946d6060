//! What a book consists of: its package document, and what of it is encrypted.

use std::collections::{HashMap, HashSet};

use crate::archive::Archive;
use crate::draft::{DAMAGED, Draft, Stop, in_one_line};
use crate::parts::{self, optional};
use crate::reading::Problem;
use crate::xml::Xml;

/// A book as its package document describes it.
#[derive(Default)]
pub(super) struct Package {
    pub(super) title: String,
    pub(super) authors: Vec<String>,
    /// The parts with its pages, in the order of reading.
    pub(super) pages: Vec<String>,
    /// The parts that list its chapters, the newer form first.
    pub(super) navigation: Option<String>,
    pub(super) ncx: Option<String>,
}

/// Algorithms that garble fonts, which are no text.
const FONTS_ALONE: [&str; 2] = ["http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC"];

/// Reads the package document.
pub(super) fn package(archive: &Archive<'_>, draft: &mut Draft) -> Result<Package, Stop> {
    let mut part = None;
    optional(archive, "META-INF/container.xml", draft, |xml| named(xml, &mut part))?;
    let is_package = |name: &&str| name.ends_with(".opf");
    let found =
        || archive.entries().iter().map(|entry| entry.name.as_str()).find(is_package).map(str::to_owned);
    let Some(part) = part.filter(|part| archive.has(part)).or_else(found) else {
        return Err(Stop::Refused(Problem::Damaged("the list of its pages is missing")));
    };
    let mut package = Package::default();
    let (mut items, mut order): (HashMap<String, String>, Vec<String>) = (HashMap::new(), Vec::new());
    optional(archive, &part, draft, |xml| {
        xml.each(|xml, _| {
            xml.each(|xml, group| match group.name() {
                "metadata" => xml.each(|xml, element| {
                    match element.name() {
                        "title" if package.title.is_empty() => package.title = in_one_line(&xml.text()?),
                        "creator" => package.authors.push(in_one_line(&xml.text()?)),
                        _ => {}
                    }
                    Ok(())
                }),
                "manifest" => xml.each(|_, item| {
                    let part = resolved(&part, &item.attr("href").unwrap_or_default());
                    if item.attr("properties").is_some_and(|all| all.split(' ').any(|one| one == "nav")) {
                        package.navigation = Some(part.clone());
                    }
                    if item.attr("media-type").as_deref() == Some("application/x-dtbncx+xml") {
                        package.ncx = Some(part.clone());
                    }
                    items.insert(item.attr("id").unwrap_or_default().into_owned(), part);
                    Ok(())
                }),
                "spine" => xml.each(|_, page| {
                    order.extend(page.attr("idref").map(String::from));
                    Ok(())
                }),
                _ => Ok(()),
            })
        })
    })?;
    if order.iter().any(|id| !items.contains_key(id)) {
        draft.note(DAMAGED);
    }
    package.pages = order.iter().filter_map(|id| items.get(id).cloned()).collect();
    Ok(package)
}

/// The name of the first package document.
fn named(xml: &mut Xml<'_>, part: &mut Option<String>) -> Result<(), Stop> {
    xml.each(|xml, element| match element.name() {
        "rootfile" => {
            if part.is_none() {
                *part = element.attr("full-path").map(String::from);
            }
            Ok(())
        }
        _ => named(xml, part),
    })
}

/// The parts that are encrypted. Fonts that are garbled do not count.
pub(super) fn locked_parts(archive: &Archive<'_>, draft: &mut Draft) -> Result<HashSet<String>, Stop> {
    let mut parts = HashSet::new();
    optional(archive, "META-INF/encryption.xml", draft, |xml| {
        xml.each(|xml, _| {
            xml.each(|xml, _| {
                let (mut is_font, mut part) = (false, None);
                encrypted(xml, &mut is_font, &mut part)?;
                parts.extend(part.filter(|_| !is_font));
                Ok(())
            })
        })
    })?;
    Ok(parts)
}

fn encrypted(xml: &mut Xml<'_>, is_font: &mut bool, part: &mut Option<String>) -> Result<(), Stop> {
    xml.each(|xml, element| {
        match element.name() {
            "EncryptionMethod" => {
                let algorithm = element.attr("Algorithm").unwrap_or_default();
                *is_font |= FONTS_ALONE.contains(&&*algorithm);
            }
            "CipherReference" => *part = element.attr("URI").map(|uri| resolved("", &uri)),
            // The keys have methods of their own.
            "KeyInfo" => {}
            _ => return encrypted(xml, is_font, part),
        }
        Ok(())
    })
}

/// The part that a reference in another one leads to, whatever the place in it.
pub(super) fn resolved(from: &str, reference: &str) -> String {
    let path = reference.split('#').next().unwrap_or_default();
    if path.is_empty() {
        return from.to_owned();
    }
    let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
    parts::resolved(folder, &unescaped(path))
}

/// The name of the element that a reference leads to.
pub(super) fn anchor(reference: &str) -> Option<String> {
    let (_, name) = reference.split_once('#')?;
    Some(unescaped(name)).filter(|name| !name.is_empty())
}

/// The path with `%20` and its like as the characters that they stand for.
fn unescaped(path: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = path.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        let digits = (first == b'%').then(|| behind.get(..2)).flatten();
        let code = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &behind[2..];
            }
            None => {
                bytes.push(first);
                rest = behind;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_resolved() {
        for (from, reference, part) in [
            ("OEBPS/content.opf", "text/ch%201.xhtml", "OEBPS/text/ch 1.xhtml"),
            ("OEBPS/nav.xhtml", "ch1.xhtml#s2", "OEBPS/ch1.xhtml"),
            ("OEBPS/a/nav.xhtml", "../ch1.xhtml", "OEBPS/ch1.xhtml"),
            ("OEBPS/nav.xhtml", "#top", "OEBPS/nav.xhtml"),
            ("", "100%.xhtml", "100%.xhtml"),
            ("", "../../etc/passwd", "etc/passwd"),
        ] {
            assert_eq!(resolved(from, reference), part);
        }
    }
}
