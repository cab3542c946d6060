//! The kinds of picture files, each decoded to pixels.

use std::io::Cursor;

use hayro_jpeg2000::{ColorSpace, DecodeSettings, DecoderContext};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace as JpegColours;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::{bitmap, tiff};
use crate::raster::{
    DAMAGED, Jpeg, LONGEST, Layer, MOST_BYTES, Picture, Pixels, check_size, is_small, turn, upright,
};
use crate::reading::{Limits, Problem};

/// How many pages of a picture are counted.
const MOST_PAGES: u32 = 10_000;

/// A kind of picture file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Png,
    Jpeg,
    Gif,
    WebP,
    Tiff,
    Bitmap,
    Jpeg2000,
    /// HEIC or AVIF.
    Phone,
}

impl Format {
    fn of(bytes: &[u8]) -> Option<Self> {
        let marks: [(&[u8], Self); 11] = [
            (b"\x89PNG", Self::Png),
            (b"\xFF\xD8\xFF", Self::Jpeg),
            (b"GIF8", Self::Gif),
            (b"RIFF", Self::WebP),
            (b"II*\0", Self::Tiff),
            (b"MM\0*", Self::Tiff),
            (b"II+\0", Self::Tiff),
            (b"MM\0+", Self::Tiff),
            (b"BM", Self::Bitmap),
            (b"\0\0\0\x0cjP", Self::Jpeg2000),
            (b"\xFF\x4F\xFF\x51", Self::Jpeg2000),
        ];
        let known = marks.iter().find(|(mark, _)| bytes.starts_with(mark)).map(|(_, format)| *format);
        known.or((bytes.get(4..8) == Some(b"ftyp")).then_some(Self::Phone))
    }
}

/// How many pages a picture has, if it may be looked at.
pub(super) fn pages(bytes: &[u8], limits: &Limits) -> Result<u32, Problem> {
    let format = Format::of(bytes);
    if format == Some(Format::Phone) {
        let remedy = "Save it as JPEG or PNG, for example with ImageMagick: `magick IN.heic OUT.jpg`.";
        return Err(Problem::Convertible { what: "picture in HEIC or AVIF", remedy });
    }
    if let Some((width, height)) = format.and_then(|format| size(format, bytes)) {
        check_size(width, height, limits).map_err(Problem::TooManyPixels)?;
    }
    Ok(if format == Some(Format::Tiff) { tiff::pages(bytes).min(MOST_PAGES) } else { 1 })
}

/// The size that a picture says it has.
fn size(format: Format, bytes: &[u8]) -> Option<(usize, usize)> {
    let of = |side: u32| side as usize;
    let big = |at: usize| Some(of(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?)));
    let little = |at: usize| Some(usize::from(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?)));
    match format {
        Format::Png => big(16).zip(big(20)),
        Format::Gif => little(6).zip(little(8)),
        Format::Jpeg => Jpeg::of(bytes).map(|jpeg| (jpeg.width, jpeg.height)),
        Format::WebP => {
            let decoder = image_webp::WebPDecoder::new(Cursor::new(bytes)).ok()?;
            Some(decoder.dimensions()).map(|(width, height)| (of(width), of(height)))
        }
        Format::Jpeg2000 => {
            let image = hayro_jpeg2000::Image::new(bytes, &settings(None)).ok()?;
            Some((of(image.width()), of(image.height())))
        }
        Format::Bitmap => bitmap::size(bytes),
        Format::Tiff => tiff::size(bytes),
        Format::Phone => None,
    }
}

/// A page of a picture file.
pub(super) fn pictures(bytes: Vec<u8>, page: u32, limits: &Limits) -> Result<Vec<Picture>, String> {
    let format = Format::of(&bytes).ok_or(DAMAGED)?;
    if format == Format::Tiff {
        return tiff::pictures(bytes, page, limits);
    }
    let (width, height) = size(format, &bytes).ok_or(DAMAGED)?;
    check_size(width, height, limits)?;
    let orientation = match format {
        Format::Jpeg => Jpeg::of(&bytes).map_or(1, |jpeg| jpeg.orientation),
        _ => 1,
    };
    let is_taken = is_small(width, height) && bytes.len() <= MOST_BYTES && orientation <= 1;
    let media_type = match format {
        Format::Png => Some("image/png"),
        Format::Jpeg => Jpeg::of(&bytes).filter(|jpeg| jpeg.colours != 4).map(|_| "image/jpeg"),
        _ => None,
    };
    if let Some(media_type) = media_type.filter(|_| is_taken) {
        return Ok(vec![Picture { media_type, bytes }]);
    }
    let pixels = decoded(format, &bytes).ok_or(DAMAGED)?;
    let size = (pixels.width, pixels.height);
    Ok(upright(&Layer::of(pixels), size, turn(orientation)))
}

fn decoded(format: Format, bytes: &[u8]) -> Option<Pixels> {
    match format {
        Format::Png => png(bytes),
        Format::Jpeg => jpeg(bytes),
        Format::Gif => gif(bytes),
        Format::WebP => webp(bytes),
        Format::Bitmap => bitmap::pixels(bytes),
        Format::Jpeg2000 => jpeg2000(bytes),
        Format::Tiff | Format::Phone => None,
    }
}

fn png(bytes: &[u8]) -> Option<Pixels> {
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes), png::Limits { bytes: usize::MAX });
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().ok()?;
    let mut data = vec![0; reader.output_buffer_size()?];
    let frame = reader.next_frame(&mut data).ok()?;
    let size = (frame.width as usize, frame.height as usize);
    data.truncate(frame.buffer_size());
    Some(match frame.color_type {
        png::ColorType::Grayscale | png::ColorType::Indexed => Pixels::new(size, 1, data),
        png::ColorType::Rgb => Pixels::new(size, 3, data),
        png::ColorType::GrayscaleAlpha => Pixels::over_white(size, 1, &data),
        png::ColorType::Rgba => Pixels::over_white(size, 3, &data),
    })
}

fn jpeg(bytes: &[u8]) -> Option<Pixels> {
    let most = usize::from(u16::MAX);
    let options = DecoderOptions::default().set_max_width(most).set_max_height(most);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().ok()?;
    let is_gray = matches!(decoder.input_colorspace()?, JpegColours::Luma);
    let colours = if is_gray { JpegColours::Luma } else { JpegColours::RGB };
    decoder.set_options(options.jpeg_set_out_colorspace(colours));
    let data = decoder.decode().ok()?;
    Some(Pixels::new(decoder.dimensions()?, if is_gray { 1 } else { 3 }, data))
}

/// The first picture of those that it shows one after the other.
fn gif(bytes: &[u8]) -> Option<Pixels> {
    let mut options = gif::DecodeOptions::new();
    options.set_color_output(gif::ColorOutput::RGBA);
    options.set_memory_limit(gif::MemoryLimit::Unlimited);
    let mut decoder = options.read_info(bytes).ok()?;
    let (width, height) = (usize::from(decoder.width()), usize::from(decoder.height()));
    let frame = decoder.read_next_frame().ok()??;
    let mut screen = vec![0; width * height * 4];
    let (left, row) = (usize::from(frame.left), usize::from(frame.width) * 4);
    let shown = row.min(width.saturating_sub(left) * 4);
    for (y, pixels) in frame.buffer.chunks_exact(row.max(4)).enumerate() {
        let at = ((usize::from(frame.top) + y) * width + left) * 4;
        if let Some(place) = screen.get_mut(at..at + shown) {
            place.copy_from_slice(&pixels[..shown]);
        }
    }
    Some(Pixels::over_white((width, height), 3, &screen))
}

fn webp(bytes: &[u8]) -> Option<Pixels> {
    let mut decoder = image_webp::WebPDecoder::new(Cursor::new(bytes)).ok()?;
    let (width, height) = decoder.dimensions();
    let mut data = vec![0; decoder.output_buffer_size()?];
    decoder.read_image(&mut data).ok()?;
    let size = (width as usize, height as usize);
    Some(if decoder.has_alpha() { Pixels::over_white(size, 3, &data) } else { Pixels::new(size, 3, data) })
}

fn settings(target_resolution: Option<(u32, u32)>) -> DecodeSettings {
    DecodeSettings { resolve_palette_indices: true, strict: false, target_resolution }
}

fn jpeg2000(bytes: &[u8]) -> Option<Pixels> {
    let most = LONGEST as u32;
    let image = hayro_jpeg2000::Image::new(bytes, &settings(Some((most, most)))).ok()?;
    let size = (image.width() as usize, image.height() as usize);
    let colours = match image.color_space() {
        ColorSpace::Gray => 1,
        ColorSpace::RGB => 3,
        ColorSpace::CMYK => 4,
        ColorSpace::Unknown { num_channels } | ColorSpace::Icc { num_channels, .. } => {
            usize::from(*num_channels)
        }
    };
    let has_alpha = image.has_alpha();
    let data = image.decode(&mut DecoderContext::default()).ok()?.data_u8();
    let shown = if colours < 3 { 1 } else { 3 };
    let numbers = colours + usize::from(has_alpha);
    let mut flat = Vec::with_capacity(size.0 * size.1 * (shown + 1));
    for pixel in data.chunks_exact(numbers.max(1)) {
        let left = |ink: u8| (u32::from(255 - ink) * u32::from(255 - pixel[3]) / 255) as u8;
        match colours {
            4 => flat.extend([left(pixel[0]), left(pixel[1]), left(pixel[2])]),
            _ => flat.extend_from_slice(&pixel[..shown]),
        }
        flat.push(if has_alpha { pixel[colours] } else { u8::MAX });
    }
    Some(Pixels::over_white(size, shown, &flat))
}
