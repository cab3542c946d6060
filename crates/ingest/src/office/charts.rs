//! Charts: the figures that they show, as tables (DrawingML, ECMA-376 part 1, 21.2, and for waterfalls, sunbursts and the
//! like MS-ODRAWXML 2.24.3).

use std::collections::{BTreeMap, HashMap};

use super::rows::joined;
use super::slides::texts_of;
use super::workbook::Format;
use crate::draft::{Stop, in_one_line};
use crate::xml::{Node, Xml};

/// Texts by the number of their point.
type Points = BTreeMap<u32, String>;

/// A series: its name, and its values with the categories, or values on the other axis, that they stand for.
#[derive(Default)]
struct Series {
    name: String,
    categories: Points,
    values: Points,
    sizes: Points,
    /// The number of its data, where these stand apart.
    data: Option<u32>,
}

/// A chart as it was read.
#[derive(Default)]
pub(super) struct Chart {
    title: String,
    axes: Vec<String>,
    series: Vec<Series>,
    /// Data that stand apart from the series, by their numbers.
    data: HashMap<u32, Series>,
}

/// The chart as lines: its title and those of its axes, the names of its series, and a row for each category.
pub(super) fn table(xml: &mut Xml<'_>) -> Result<Option<String>, Stop> {
    let chart = Chart::of(xml)?;
    let has_values = chart.series.iter().any(|series| !series.values.is_empty());
    Ok(has_values.then(|| [chart.head(), chart.rows()].concat().join("\n")))
}

/// What a chart says besides the figures of cells that stand elsewhere.
pub(super) fn caption(xml: &mut Xml<'_>) -> Result<Option<String>, Stop> {
    let chart = Chart::of(xml)?;
    let names: Vec<&str> = chart.series.iter().map(|series| series.name.as_str()).collect();
    let names = names.into_iter().filter(|name| !name.is_empty()).collect::<Vec<_>>().join(", ");
    let mut lines = chart.head();
    lines.extend(Some(names).filter(|names| !names.is_empty()).map(|names| format!("Series: {names}")));
    Ok((lines.len() > 1 || !chart.title.is_empty()).then(|| lines.join("\n")))
}

impl Chart {
    fn of(xml: &mut Xml<'_>) -> Result<Self, Stop> {
        let mut chart = Self::default();
        chart.read(xml, false)?;
        let Self { series, data, .. } = &mut chart;
        for series in series {
            if let Some(data) = series.data.and_then(|number| data.get(&number)) {
                let Series { categories, values, sizes, .. } = data;
                (series.categories, series.values, series.sizes) =
                    (categories.clone(), values.clone(), sizes.clone());
            }
        }
        Ok(chart)
    }

    /// `in_plot` is the area of the axes, whose titles are not the chart's.
    fn read(&mut self, xml: &mut Xml<'_>, in_plot: bool) -> Result<(), Stop> {
        xml.each(|xml, element| match element.name() {
            "title" => {
                let title = title(xml)?;
                if in_plot {
                    self.axes.extend(Some(title).filter(|title| !title.is_empty()));
                } else if self.title.is_empty() {
                    self.title = title;
                }
                Ok(())
            }
            "data" => {
                let data = data(xml)?;
                self.data.insert(element.number("id").unwrap_or(0), data);
                Ok(())
            }
            "ser" | "series" => {
                let series = series(xml)?;
                self.series.push(series);
                Ok(())
            }
            "plotArea" => self.read(xml, true),
            name if name.ends_with("Pr") => Ok(()),
            _ => self.read(xml, in_plot),
        })
    }

    fn head(&self) -> Vec<String> {
        let mut lines = vec![format!("Chart: {}", self.title).trim_end_matches([':', ' ']).to_owned()];
        lines.extend((!self.axes.is_empty()).then(|| format!("Axes: {}", self.axes.join("; "))));
        lines
    }

    /// A table for the series that have the same categories; those without any have the first one's.
    fn rows(&self) -> Vec<String> {
        let mut groups: Vec<(&Points, Vec<&Series>)> = Vec::new();
        let first = self.series.iter().map(|series| &series.categories).find(|points| !points.is_empty());
        for series in &self.series {
            let own = Some(&series.categories).filter(|points| !points.is_empty());
            let categories = own.or(first).unwrap_or(&series.categories);
            match groups.iter_mut().find(|(points, _)| *points == categories) {
                Some((_, group)) => group.push(series),
                None => groups.push((categories, vec![series])),
            }
        }
        groups.iter().flat_map(|(categories, series)| rows(categories, series)).collect()
    }
}

/// The names of series in a row, and then a row for each category.
fn rows(categories: &Points, series: &[&Series]) -> Vec<String> {
    let names: Vec<&str> =
        std::iter::once("").chain(series.iter().map(|series| series.name.as_str())).collect();
    let mut lines: Vec<String> = Some(joined(&names)).filter(|line| !line.is_empty()).into_iter().collect();
    let mut numbers: Vec<u32> =
        series.iter().flat_map(|series| series.values.keys()).chain(categories.keys()).copied().collect();
    numbers.sort_unstable();
    numbers.dedup();
    for number in numbers {
        let category = categories.get(&number).cloned().unwrap_or_default();
        let cells = std::iter::once(category).chain(series.iter().map(|series| series.value(number)));
        lines.push(joined(&cells.collect::<Vec<_>>()));
    }
    lines
}

impl Series {
    /// The value of a point, with the size of its bubble.
    fn value(&self, number: u32) -> String {
        let value = self.values.get(&number).cloned().unwrap_or_default();
        self.sizes.get(&number).map_or(value.clone(), |size| format!("{value} (size {size})"))
    }
}

fn series(xml: &mut Xml<'_>) -> Result<Series, Stop> {
    let mut series = Series::default();
    let mut is_scatter = false;
    xml.each(|xml, element| {
        match element.name() {
            "tx" => series.name = points(xml)?.into_values().collect::<Vec<_>>().join(" "),
            "cat" | "xVal" => series.categories = points(xml)?,
            "val" => series.values = points(xml)?,
            "yVal" => {
                is_scatter = true;
                series.values = points(xml)?;
            }
            "dataId" => series.data = element.number("val"),
            "bubbleSize" => series.sizes = points(xml)?,
            _ => {}
        }
        Ok(())
    })?;
    if is_scatter && series.categories.is_empty() {
        // Points without a place stand at 1, 2, 3.
        series.categories = series.values.keys().map(|number| (*number, (number + 1).to_string())).collect();
    }
    Ok(series)
}

/// Data that stand apart from the series which show them.
fn data(xml: &mut Xml<'_>) -> Result<Series, Stop> {
    let mut data = Series::default();
    xml.each(|xml, element| {
        let points = points(xml)?;
        match element.attr("type").as_deref() {
            Some("cat" | "x" | "entityId") => data.categories = points,
            Some("val" | "y") => data.values = points,
            // A share of a whole, such as a field of a treemap, is its value.
            Some("size") => data.values = points,
            _ => {}
        }
        Ok(())
    })?;
    Ok(data)
}

/// The title that was typed, or that of the cell that it names.
fn title(xml: &mut Xml<'_>) -> Result<String, Stop> {
    let mut title = String::new();
    xml.each(|xml, element| {
        if element.name() == "tx" {
            xml.each(|xml, form| {
                title = match form.name() {
                    "rich" => texts_of(xml)?.join(" "),
                    _ => points(xml)?.into_values().collect::<Vec<_>>().join(" "),
                };
                Ok(())
            })?;
        }
        Ok(())
    })?;
    Ok(in_one_line(&title))
}

/// The cached points of a reference by their numbers. Of categories on several levels the upper ones come first, and
/// hold for the lower ones until the next.
fn points(xml: &mut Xml<'_>) -> Result<Points, Stop> {
    let mut levels = vec![Points::new()];
    collect(xml, &mut levels, &mut None)?;
    let mut levels = levels.into_iter().filter(|level| !level.is_empty());
    let mut points = levels.next().unwrap_or_default();
    for upper in levels {
        for (number, text) in &mut points {
            if let Some((_, above)) = upper.range(..=number).next_back() {
                *text = format!("{above} {text}").trim_end().to_owned();
            }
        }
    }
    Ok(points)
}

/// `format` is that of the numbers.
fn collect(xml: &mut Xml<'_>, levels: &mut Vec<Points>, format: &mut Option<Format>) -> Result<(), Stop> {
    xml.each(|xml, element| {
        match element.name() {
            "pt" => {
                let number = element.number("idx").unwrap_or(0);
                let own = element.attr("formatCode").map(|code| Format::of(&code));
                let (mut bare, mut value) = (String::new(), None);
                xml.each_node(|xml, node| {
                    match node {
                        Node::Text(text) => bare.push_str(text),
                        Node::Element(element) if element.name() == "v" => value = Some(xml.text()?),
                        Node::Element(_) => {}
                    }
                    Ok(())
                })?;
                let text = in_one_line(&value.unwrap_or(bare));
                let format = own.as_ref().or(format.as_ref());
                if !text.is_empty() {
                    insert(levels, number, format.map_or(text.clone(), |format| dated(format, text)));
                }
            }
            "formatCode" => *format = Some(Format::of(&xml.text()?)),
            "lvl" => {
                levels.push(Points::new());
                let own = element.attr("formatCode").map(|code| Format::of(&code));
                *format = own.or(format.take());
                return collect(xml, levels, format);
            }
            // A name that is no reference.
            "v" => insert(levels, 0, in_one_line(&xml.text()?)),
            "f" => {}
            _ => return collect(xml, levels, format),
        }
        Ok(())
    })
}

fn insert(levels: &mut [Points], number: u32, text: String) {
    if let Some(level) = levels.last_mut() {
        level.insert(number, text);
    }
}

/// A number that is a date as that date; other numbers as they are.
fn dated(format: &Format, text: String) -> String {
    let number = text.parse().ok().filter(|number| format.is_date(*number));
    number.map_or(text, |number| format.shown(number, false))
}
