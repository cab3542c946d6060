//! The colour spaces of pictures, as far as text in them stays legible: inks other than the usual four are dark.

use hayro_syntax::object::stream::ImageColorSpace;
use hayro_syntax::object::{Array, Dict, Name, Object, Stream, String as PdfString};
use hayro_syntax::page::Resources;

/// How deep colour spaces may lie in each other.
const DEPTH: usize = 4;

/// What the numbers of a pixel mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Space {
    Gray,
    Rgb,
    Cmyk,
    /// Lightness, and two numbers of colour.
    Lab,
    /// So many inks on white.
    Inks(usize),
    /// A table of colours: red, green, blue.
    Table(Vec<[u8; 3]>),
    /// The first numbers are of this space, of so many in all.
    More(Box<Space>, usize),
}

impl Space {
    /// The space that a picture names.
    pub(super) fn of(object: &Object<'_>, resources: &Resources<'_>) -> Option<Self> {
        Self::within(object, resources, DEPTH)
    }

    /// That of data which says itself what it is.
    pub(super) fn told(space: ImageColorSpace) -> Self {
        match space {
            ImageColorSpace::Gray => Self::Gray,
            ImageColorSpace::Rgb => Self::Rgb,
            ImageColorSpace::Cmyk => Self::Cmyk,
            ImageColorSpace::Unknown(count) => Self::Inks(usize::from(count.max(1))),
        }
    }

    fn within(object: &Object<'_>, resources: &Resources<'_>, depth: usize) -> Option<Self> {
        let depth = depth.checked_sub(1)?;
        match object {
            Object::Name(name) => Self::named(name)
                .or_else(|| Self::within(&resources.get_color_space(name)?, resources, depth)),
            Object::Array(parts) => Self::listed(parts, resources, depth),
            _ => None,
        }
    }

    fn named(name: &Name<'_>) -> Option<Self> {
        match name.as_ref() {
            b"DeviceGray" | b"G" | b"CalGray" => Some(Self::Gray),
            b"DeviceRGB" | b"RGB" | b"CalRGB" => Some(Self::Rgb),
            b"DeviceCMYK" | b"CMYK" => Some(Self::Cmyk),
            _ => None,
        }
    }

    fn listed(parts: &Array<'_>, resources: &Resources<'_>, depth: usize) -> Option<Self> {
        let mut parts = parts.iter::<Object<'_>>();
        let Object::Name(name) = parts.next()? else { return None };
        match name.as_ref() {
            b"Lab" => Some(Self::Lab),
            b"Separation" => Some(Self::Inks(1)),
            b"DeviceN" => match parts.next()? {
                Object::Array(inks) => Some(Self::Inks(inks.iter::<Name<'_>>().count().max(1))),
                _ => None,
            },
            b"ICCBased" => {
                let Object::Stream(profile) = parts.next()? else { return None };
                match profile.dict().get::<u32>("N")? {
                    1 => Some(Self::Gray),
                    3 => Some(Self::Rgb),
                    4 => Some(Self::Cmyk),
                    _ => None,
                }
            }
            b"Indexed" | b"I" => {
                let base = Self::within(&parts.next()?, resources, depth)?;
                let (last, table) = (parts.next()?, parts.next()?);
                let Object::Number(last) = last else { return None };
                let table = match &table {
                    Object::String(table) => PdfString::as_bytes(table).to_vec(),
                    Object::Stream(table) => Stream::decoded_data(table).ok()?.into_owned(),
                    _ => return None,
                };
                let count = (last.as_f64().clamp(0.0, 255.0) as usize) + 1;
                let colours = table.chunks_exact(base.numbers()).take(count);
                Some(Self::Table(colours.map(|numbers| base.rgb(numbers)).collect()))
            }
            // What a TIFF's pages may have besides their colours: how much of a pixel covers.
            _ => match (Self::named(&name)?, parts.next()) {
                (base, Some(Object::Number(count))) => {
                    let count = (count.as_f64().clamp(0.0, 16.0) as usize).max(base.numbers());
                    Some(Self::More(Box::new(base), count))
                }
                (base, _) => Some(base),
            },
        }
    }

    /// How many numbers a pixel has.
    pub(super) fn numbers(&self) -> usize {
        match self {
            Self::Gray | Self::Table(_) => 1,
            Self::Rgb | Self::Lab => 3,
            Self::Cmyk => 4,
            Self::Inks(count) | Self::More(_, count) => *count,
        }
    }

    /// Whether all its colours are grays.
    pub(super) fn is_gray(&self) -> bool {
        match self {
            Self::Gray | Self::Lab | Self::Inks(_) => true,
            Self::Rgb | Self::Cmyk | Self::Table(_) => false,
            Self::More(base, _) => base.is_gray(),
        }
    }

    /// The colour of a pixel. Numbers of a table are positions in it.
    pub(super) fn rgb(&self, numbers: &[u8]) -> [u8; 3] {
        let number = |at: usize| numbers.get(at).copied().unwrap_or(0);
        let left = |ink: u8, under: u8| ((255 - u32::from(ink)) * u32::from(under) / 255) as u8;
        match self {
            Self::Gray | Self::Lab => [number(0); 3],
            Self::Rgb => [number(0), number(1), number(2)],
            Self::Cmyk => [0, 1, 2].map(|at| left(number(at), 255 - number(3))),
            Self::Inks(_) => [numbers.iter().fold(255, |under, ink| left(*ink, under)); 3],
            Self::Table(colours) => colours.get(usize::from(number(0))).copied().unwrap_or([0; 3]),
            Self::More(base, _) => base.rgb(&numbers[..base.numbers().min(numbers.len())]),
        }
    }
}

/// A colour that an operator sets, by how many numbers it has.
pub(super) fn of_numbers(numbers: &[f64]) -> [u8; 3] {
    let bytes: Vec<u8> =
        numbers.iter().map(|number| (number.clamp(0.0, 1.0) * 255.0).round() as u8).collect();
    match bytes.len() {
        1 => Space::Gray.rgb(&bytes),
        3 => Space::Rgb.rgb(&bytes),
        4 => Space::Cmyk.rgb(&bytes),
        _ => [0; 3],
    }
}

/// Which byte each value of a number with so many bits stands for, by the `Decode` array of a picture (ISO 32000-2,
/// 8.9.5.2). Numbers of 16 bits are known by their first 8.
pub(super) fn decoding(dict: &Dict<'_>, space: &Space, bits: u8) -> Vec<Vec<u8>> {
    let most = (1_u32 << bits.min(8)) - 1;
    let array = dict.get::<Array<'_>>("Decode").or_else(|| dict.get::<Array<'_>>("D"));
    let ends: Vec<f64> = array.iter().flat_map(|array| array.iter::<f64>()).take(64).collect();
    let is_table = matches!(space, Space::Table(_));
    let range = |number: usize| match (space, number) {
        (Space::Table(_), _) => f64::from(most),
        (Space::Lab, 0) => 100.0,
        _ => 1.0,
    };
    let table = |number: usize| {
        let range = range(number);
        let pair = (ends.get(2 * number).copied(), ends.get(2 * number + 1).copied());
        let (low, high) = if let (Some(low), Some(high)) = pair { (low, high) } else { (0.0, range) };
        let scale = if is_table { 1.0 } else { 255.0 / range };
        let byte = |value: u32| {
            let part = f64::from(value) / f64::from(most);
            ((low + part * (high - low)) * scale).round().clamp(0.0, 255.0) as u8
        };
        (0..=most).map(byte).collect()
    };
    (0..space.numbers()).map(table).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inks_darken() {
        assert_eq!(Space::Cmyk.rgb(&[0, 0, 0, 0]), [255; 3]);
        assert_eq!(Space::Cmyk.rgb(&[0, 0, 0, 255]), [0; 3]);
        assert_eq!(Space::Cmyk.rgb(&[255, 0, 0, 0]), [0, 255, 255]);
        assert_eq!(Space::Inks(2).rgb(&[0, 255]), [0; 3]);
        assert_eq!(of_numbers(&[1.0, 0.0, 0.0]), [255, 0, 0]);
        assert_eq!(of_numbers(&[0.5]), [128; 3]);
    }
}
