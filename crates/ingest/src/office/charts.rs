//! Charts: the figures that they show, as a table (DrawingML, ECMA-376 part 1, 21.2).

use std::collections::BTreeMap;

use super::rows::joined;
use crate::draft::{Stop, in_one_line};
use crate::xml::Xml;

/// A series: its name, and its values by the number of their category.
#[derive(Default)]
struct Series {
    name: String,
    values: BTreeMap<u32, String>,
}

#[derive(Default)]
struct Chart {
    title: String,
    categories: BTreeMap<u32, String>,
    series: Vec<Series>,
}

/// The chart as lines: its title, the names of its series, and a row for each category.
pub(super) fn table(xml: &mut Xml<'_>) -> Result<Option<String>, Stop> {
    let mut chart = Chart::default();
    chart.read(xml)?;
    if chart.series.iter().all(|series| series.values.is_empty()) {
        return Ok(None);
    }
    let mut lines = vec![format!("Chart: {}", chart.title).trim_end_matches([':', ' ']).to_owned()];
    let names = chart.series.iter().map(|series| series.name.as_str());
    let names: Vec<&str> = std::iter::once("").chain(names).collect();
    lines.extend(Some(joined(&names)).filter(|line| !line.is_empty()));
    let mut numbers: Vec<u32> = chart
        .series
        .iter()
        .flat_map(|series| series.values.keys())
        .chain(chart.categories.keys())
        .copied()
        .collect();
    numbers.sort_unstable();
    numbers.dedup();
    for number in numbers {
        let values = chart.series.iter().map(|series| series.values.get(&number));
        let cells = std::iter::once(chart.categories.get(&number)).chain(values);
        let cells: Vec<&str> = cells.map(|cell| cell.map_or("", String::as_str)).collect();
        lines.push(joined(&cells));
    }
    Ok(Some(lines.join("\n")))
}

impl Chart {
    fn read(&mut self, xml: &mut Xml<'_>) -> Result<(), Stop> {
        xml.each(|xml, element| match element.name() {
            "title" if self.title.is_empty() => {
                self.title = in_one_line(&xml.text()?);
                Ok(())
            }
            "title" => Ok(()),
            "ser" => {
                let mut series = Series::default();
                xml.each(|xml, element| match element.name() {
                    "tx" => {
                        let mut name = BTreeMap::new();
                        points(xml, &mut name)?;
                        series.name = name.into_values().collect::<Vec<_>>().join(" ");
                        Ok(())
                    }
                    "cat" | "xVal" => points(xml, &mut self.categories),
                    "val" | "yVal" => points(xml, &mut series.values),
                    _ => Ok(()),
                })?;
                self.series.push(series);
                Ok(())
            }
            name if name.ends_with("Pr") => Ok(()),
            _ => self.read(xml),
        })
    }
}

/// The cached points of a reference by their numbers.
fn points(xml: &mut Xml<'_>, values: &mut BTreeMap<u32, String>) -> Result<(), Stop> {
    xml.each(|xml, element| match element.name() {
        "pt" => {
            let number = element.number("idx").unwrap_or(0);
            xml.each(|xml, element| {
                if element.name() == "v" {
                    values.insert(number, in_one_line(&xml.text()?));
                }
                Ok(())
            })
        }
        // A name that is no reference.
        "v" => {
            values.insert(0, in_one_line(&xml.text()?));
            Ok(())
        }
        _ => points(xml, values),
    })
}
