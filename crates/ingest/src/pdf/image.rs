//! A picture of a PDF becomes pixels, however it is packed.

use std::borrow::Cow;

use hayro_syntax::Filter;
use hayro_syntax::object::stream::{FilterResult, ImageDecodeParams};
use hayro_syntax::object::{Dict, Object, Stream};
use hayro_syntax::page::Resources;

use super::colours::{Space, decoding};
use crate::raster::{Colour, DAMAGED, Layer, Pixels, check_size};
use crate::reading::Limits;

/// How much of a picture must be there for it to be shown.
const ENOUGH: usize = 4;

/// What a dictionary says under the first of these keys that it has: inline pictures have short ones.
fn either<'a, T: TryFrom<Object<'a>>>(dict: &Dict<'a>, keys: [&str; 2]) -> Option<T> {
    keys.into_iter().find_map(|key| T::try_from(dict.get::<Object<'a>>(key)?).ok())
}

/// The size that a picture says it has.
fn size(dict: &Dict<'_>) -> (usize, usize) {
    let side = |keys| either::<u32>(dict, keys).map_or(0, |side| side as usize);
    (side(["Width", "W"]), side(["Height", "H"]))
}

/// The size of a picture, or of the mask that says how much of it shows, whichever is larger.
pub(super) fn finest(dict: &Dict<'_>) -> (usize, usize) {
    let mask = dict.get::<Stream<'_>>("SMask").or_else(|| dict.get::<Stream<'_>>("Mask"));
    let (own, mask) = (size(dict), mask.map_or((0, 0), |mask| size(mask.dict())));
    (own.0.max(mask.0), own.1.max(mask.1))
}

/// Decodes a picture. `shown` is how many pixels of the page it covers; one that holds several sizes need not give more.
///
/// # Errors
/// Why it can't be, as a sentence.
pub(super) fn layer(
    image: &Stream<'_>,
    resources: &Resources<'_>,
    fill: [u8; 3],
    shown: (u32, u32),
    limits: &Limits,
) -> Result<Layer, String> {
    let dict = image.dict();
    let is_stencil = either::<bool>(dict, ["ImageMask", "IM"]).unwrap_or(false);
    if is_stencil {
        let shows = Some(inverted(pixels(image, Some(Space::Gray), shown, limits)?.0));
        return Ok(Layer { colour: Colour::Plain(fill), shows });
    }
    let named = either::<Object<'_>>(dict, ["ColorSpace", "CS"]);
    let space = named.and_then(|space| Space::of(&space, resources));
    let (of_picture, own) = pixels(image, space, shown, limits)?;
    let soft = dict.get::<Stream<'_>>("SMask");
    let hard = || dict.get::<Stream<'_>>("Mask");
    let shows = match soft {
        Some(mask) => Some(pixels(&mask, Some(Space::Gray), shown, limits)?.0),
        None => match hard() {
            Some(mask) => Some(inverted(pixels(&mask, Some(Space::Gray), shown, limits)?.0)),
            None => own.filter(|_| dict.get::<u32>("SMaskInData").is_some_and(|kind| kind > 0)),
        },
    };
    Ok(Layer { colour: Colour::Of(of_picture), shows })
}

/// The pixels of a picture, and how much of it shows, if its data says that itself.
fn pixels(
    image: &Stream<'_>,
    space: Option<Space>,
    shown: (u32, u32),
    limits: &Limits,
) -> Result<(Pixels, Option<Pixels>), String> {
    let dict = image.dict();
    let (width, height) = size(dict);
    check_size(width, height, limits)?;
    check_data(image, limits)?;
    let is_stencil = either::<bool>(dict, ["ImageMask", "IM"]).unwrap_or(false);
    let bits = either::<u8>(dict, ["BitsPerComponent", "BPC"]).filter(|_| !is_stencil);
    let params = ImageDecodeParams {
        is_indexed: matches!(space, Some(Space::Table(_))),
        bpc: bits,
        num_components: space.as_ref().and_then(|space| u8::try_from(space.numbers()).ok()),
        target_dimension: Some(shown),
        width: width as u32,
        height: height as u32,
    };
    let FilterResult { data, image_data } = image.decoded_image(&params).map_err(|_| DAMAGED.to_owned())?;
    let told = image_data.as_ref();
    let size = told.map_or((width, height), |told| (told.width as usize, told.height as usize));
    check_size(size.0, size.1, limits)?;
    let bits = told.map(|told| told.bits_per_component).or(bits).unwrap_or(if is_stencil { 1 } else { 8 });
    let told_space = told.and_then(|told| told.color_space).map(Space::told);
    let space = match (space, told_space) {
        // What the data has counts: the dictionary may be wrong.
        (Some(space), Some(told)) if space.numbers() == told.numbers() => space,
        (_, Some(told)) => told,
        (Some(space), None) => space,
        (None, None) => Space::Gray,
    };
    let own = image_data.and_then(|told| told.alpha).map(|alpha| Pixels::new(size, 1, alpha));
    let reading = Samples { data, bits, decoding: decoding(dict, &space, bits), space };
    Ok((reading.pixels(size)?, own))
}

/// Looks into data that says its own size, which may be another one.
fn check_data(image: &Stream<'_>, limits: &Limits) -> Result<(), String> {
    let raw = image.raw_data();
    let four = |at: usize| {
        let bytes = raw.get(at..at + 4)?.first_chunk::<4>()?;
        Some(u32::from_be_bytes(*bytes) as usize)
    };
    let told = match image.filters().last() {
        // The codestream's SIZ marker (ISO/IEC 15444-1, A.5.1).
        Some(Filter::JpxDecode) => {
            memchr::memmem::find(&raw, b"\xff\x4f\xff\x51").and_then(|at| four(at + 8).zip(four(at + 12)))
        }
        // A first segment that is the page's information (ISO/IEC 14492, 7.4.8).
        Some(Filter::Jbig2Decode) if raw.get(4).is_some_and(|flags| flags & 0x7f == 48) => {
            four(11).zip(four(15)).filter(|(_, height)| *height != u32::MAX as usize)
        }
        _ => None,
    };
    told.map_or(Ok(()), |(width, height)| check_size(width, height, limits))
}

/// The numbers of a picture's pixels, packed.
struct Samples<'d> {
    data: Cow<'d, [u8]>,
    bits: u8,
    decoding: Vec<Vec<u8>>,
    space: Space,
}

impl Samples<'_> {
    fn pixels(&self, (width, height): (usize, usize)) -> Result<Pixels, String> {
        if ![1, 2, 4, 8, 16].contains(&self.bits) {
            return Err(format!("its pixels have {} bits, which no program writes", self.bits));
        }
        let numbers = width * self.space.numbers();
        let row = (numbers * usize::from(self.bits)).div_ceil(8);
        if self.data.len() < row * height.div_ceil(ENOUGH) {
            return Err("most of it is missing: it is damaged".to_owned());
        }
        let channels = if self.space.is_gray() { 1 } else { 3 };
        let mut pixels = Vec::with_capacity(width * height * channels);
        for packed in self.data.chunks_exact(row).take(height) {
            self.write(packed, numbers, channels, &mut pixels);
        }
        Ok(Pixels::new((width, height), channels, pixels))
    }

    fn write(&self, row: &[u8], numbers: usize, channels: usize, pixels: &mut Vec<u8>) {
        let count = self.space.numbers();
        if self.space == Space::Gray && self.bits == 8 {
            pixels.extend(row.iter().map(|value| self.decoding[0][usize::from(*value)]));
            return;
        }
        let mut pixel = vec![0_u8; count];
        for number in 0..numbers {
            pixel[number % count] = self.decoding[number % count][self.value(row, number)];
            if number % count == count - 1 {
                pixels.extend_from_slice(&self.space.rgb(&pixel)[..channels]);
            }
        }
    }

    /// A number of a row, by the first 8 of its bits.
    fn value(&self, row: &[u8], number: usize) -> usize {
        let bits = usize::from(self.bits);
        match bits {
            8 => usize::from(row[number]),
            16 => usize::from(row[2 * number]),
            _ => {
                let at = number * bits;
                let mask = (1_usize << bits) - 1;
                usize::from(row[at / 8]) >> (8 - bits - at % 8) & mask
            }
        }
    }
}

fn inverted(pixels: Pixels) -> Pixels {
    let data = pixels.data.iter().map(|value| 255 - value).collect();
    Pixels { data, ..pixels }
}
