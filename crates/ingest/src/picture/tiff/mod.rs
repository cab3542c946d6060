//! TIFF: its pages are packed as pictures in PDFs are, so that each becomes a page of a PDF, which is drawn
//! (TIFF 6.0).

mod written;

use hayro_font::kurbo::Affine;

use crate::pdf;
use crate::raster::{DAMAGED, Directory, ORIENTATION, Picture, check_size, turn};
use crate::reading::Limits;
use written::{Drawn, written};

/// The most strips or tiles of a page.
const MOST_PARTS: usize = 1 << 16;

/// The tags (TIFF 6.0, part 1 and 2).
const WIDTH: u16 = 256;
const HEIGHT: u16 = 257;
const BITS: u16 = 258;
const COMPRESSION: u16 = 259;
const PHOTOMETRIC: u16 = 262;
const FILL_ORDER: u16 = 266;
const STRIPS: u16 = 273;
const SAMPLES: u16 = 277;
const ROWS: u16 = 278;
const STRIP_SIZES: u16 = 279;
const PLANAR: u16 = 284;
const T4: u16 = 292;
const PREDICTOR: u16 = 317;
const COLOURS: u16 = 320;
const TILE_WIDTH: u16 = 322;
const TILE_HEIGHT: u16 = 323;
const TILES: u16 = 324;
const TILE_SIZES: u16 = 325;
const FORMAT: u16 = 339;
const JPEG_TABLES: u16 = 347;

/// The number of the compression that is runs.
const PACKBITS: usize = 32773;

/// How many pages a TIFF has. One that can't be read has one.
pub(super) fn pages(bytes: &[u8]) -> u32 {
    u32::try_from(Directory::all(bytes).take(1 << 16).count()).unwrap_or(u32::MAX).max(1)
}

/// The size of the first page.
pub(super) fn size(bytes: &[u8]) -> Option<(usize, usize)> {
    Some(Page { directory: Directory::all(bytes).next()? }.size())
}

/// A page, counted from 1.
pub(super) fn pictures(bytes: Vec<u8>, page: u32, limits: &Limits) -> Result<Vec<Picture>, String> {
    if bytes.starts_with(b"II+") || bytes.starts_with(b"MM\0+") {
        return Err("it is a BigTIFF: save it as TIFF or PNG".to_owned());
    }
    let at = usize::try_from(page).ok().and_then(|page| page.checked_sub(1));
    let page = Page { directory: at.and_then(|at| Directory::all(&bytes).nth(at)).ok_or(DAMAGED)? };
    let (width, height) = page.size();
    check_size(width, height, limits)?;
    pdf::pictures(page.as_pdf()?, 1, limits)
}

/// A page of a TIFF.
struct Page<'b> {
    directory: Directory<'b>,
}

impl Page<'_> {
    fn or(&self, tag: u16, otherwise: usize) -> usize {
        self.directory.number(tag).map_or(otherwise, |number| number as usize)
    }

    fn size(&self) -> (usize, usize) {
        (self.or(WIDTH, 0), self.or(HEIGHT, 0))
    }

    /// The page as a PDF.
    fn as_pdf(&self) -> Result<Vec<u8>, String> {
        let (width, height) = self.size();
        let has_tiles = self.directory.number(TILES).is_some();
        let (across, down) = match has_tiles {
            true => (self.or(TILE_WIDTH, 0), self.or(TILE_HEIGHT, 0)),
            false => (width, self.or(ROWS, height).min(height)),
        };
        if across == 0
            || down == 0
            || (width.div_ceil(across)).saturating_mul(height.div_ceil(down)) > MOST_PARTS
        {
            return Err(DAMAGED.to_owned());
        }
        let (offsets, sizes) = if has_tiles { (TILES, TILE_SIZES) } else { (STRIPS, STRIP_SIZES) };
        let (offsets, sizes) = (self.directory.numbers(offsets), self.directory.numbers(sizes));
        let entries = self.entries()?;
        let orientation = self.directory.number(ORIENTATION).unwrap_or(1);
        let turn = turn(orientation);
        let shown = if (5..=8).contains(&orientation) { (height, width) } else { (width, height) };
        let columns = width.div_ceil(across);
        let mut parts = Vec::new();
        for (index, offset) in offsets.iter().enumerate().take(columns * height.div_ceil(down)) {
            let (x, y) = (index % columns * across, index / columns * down);
            let rows = if has_tiles { down } else { down.min(height - y) };
            // A writer that forgot the sizes means all that follows.
            let packed = self.directory.part(*offset, sizes.get(index).copied().unwrap_or(usize::MAX / 2));
            let data = self.data(packed.ok_or(DAMAGED)?);
            parts.push(Drawn {
                entries: format!("/Width {across}/Height {rows}{}", entries(across, rows)),
                data,
                at: placed((x, y), (across, rows), (width, height), turn, shown),
            });
        }
        if parts.is_empty() {
            return Err(DAMAGED.to_owned());
        }
        Ok(written(shown, &parts))
    }

    /// The entries of the dictionaries of its parts, by their width and height.
    fn entries(&self) -> Result<impl Fn(usize, usize) -> String + use<>, String> {
        let bits = self.or(BITS, 1);
        let samples = self.or(SAMPLES, 1);
        let (compression, photometric) = (self.or(COMPRESSION, 1), self.or(PHOTOMETRIC, 1));
        let is_fax = (2..=4).contains(&compression);
        if samples > 1 && self.or(PLANAR, 1) == 2 {
            return Err("each of its colours is stored by itself: save it as PNG".to_owned());
        }
        if bits > 8 && (bits != 16 || self.directory.is_little()) || self.or(FORMAT, 1) != 1 {
            return Err(format!("its pixels have {bits} bits in a form that is not read: save it as PNG"));
        }
        let space = self.space(bits, samples, photometric, compression == 7)?;
        // Faxes are white where their code says white; the others say with this number which end is white.
        let is_inverted = if is_fax { photometric == 1 } else { photometric == 0 };
        let decode = if is_inverted { "/Decode[1 0]" } else { "" };
        let predictor = self.or(PREDICTOR, 1);
        let t4 = self.or(T4, 0);
        let filter = match compression {
            1 => "",
            2..=4 => "/CCITTFaxDecode",
            5 => "/LZWDecode",
            7 => "/DCTDecode",
            8 | 32946 => "/FlateDecode",
            PACKBITS => "/RunLengthDecode",
            _ => {
                return Err(format!(
                    "it is compressed in a way that is not read, {compression}: save it as PNG"
                ));
            }
        };
        let filter = if filter.is_empty() { String::new() } else { format!("/Filter{filter}") };
        Ok(move |width: usize, height: usize| {
            let fax = |more: &str| format!("<</Columns {width}/Rows {height}{more}>>");
            let params = match compression {
                2 => fax("/K 0/EncodedByteAlign true/EndOfBlock false"),
                3 if t4 & 1 == 1 => fax("/K 1"),
                3 => fax("/K 0"),
                4 => fax("/K -1"),
                7 if photometric == 2 => "<</ColorTransform 0>>".to_owned(),
                5 | 8 | 32946 if predictor == 2 => {
                    format!("<</Predictor 2/Colors {samples}/BitsPerComponent {bits}/Columns {width}>>")
                }
                _ => String::new(),
            };
            let params = if params.is_empty() { params } else { format!("/DecodeParms{params}") };
            format!("/ColorSpace{space}/BitsPerComponent {bits}{decode}{filter}{params}")
        })
    }

    /// Its colour space.
    fn space(
        &self,
        bits: usize,
        samples: usize,
        photometric: usize,
        is_jpeg: bool,
    ) -> Result<String, String> {
        let (name, numbers) = match photometric {
            0 | 1 => ("/DeviceGray", 1),
            2 => ("/DeviceRGB", 3),
            3 if samples == 1 && bits <= 8 => return Ok(self.table(bits)),
            5 => ("/DeviceCMYK", 4),
            6 if is_jpeg => ("/DeviceRGB", 3),
            _ => {
                return Err(format!(
                    "its colours are of a kind that is not read, {photometric}: save it as PNG"
                ));
            }
        };
        match samples.checked_sub(numbers) {
            Some(0) => Ok(name.to_owned()),
            Some(1..=8) => Ok(format!("[{name} {samples}]")),
            _ => Err(DAMAGED.to_owned()),
        }
    }

    /// Its table of colours: all reds, all greens, all blues, of 16 bits each.
    fn table(&self, bits: usize) -> String {
        let numbers = self.directory.numbers(COLOURS);
        let count = 1 << bits;
        let byte = |at: usize| numbers.get(at).map_or(0, |number| number >> 8);
        let colour =
            |at: usize| format!("{:02x}{:02x}{:02x}", byte(at), byte(count + at), byte(2 * count + at));
        let table: String = (0..count).map(colour).collect();
        format!("[/Indexed/DeviceRGB {} <{table}>]", count - 1)
    }

    /// The data of a part, as a PDF has it.
    fn data(&self, packed: &[u8]) -> Vec<u8> {
        match self.directory.data(JPEG_TABLES).filter(|_| self.or(COMPRESSION, 1) == 7) {
            // The tables are a JPEG without a picture, between its first and its last mark.
            Some(tables) if tables.len() > 4 && packed.len() > 2 => {
                [&tables[..tables.len() - 2], &packed[2..]].concat()
            }
            // Runs end with a mark in a PDF.
            _ if self.or(COMPRESSION, 1) == PACKBITS => [packed, &[128]].concat(),
            _ if self.or(FILL_ORDER, 1) == 2 => packed.iter().map(|byte| byte.reverse_bits()).collect(),
            _ => packed.to_vec(),
        }
    }
}

/// What leads a square of 1, whose lower left is 0, 0, to where a part is on the page, in points from its lower left.
fn placed(
    (x, y): (usize, usize),
    (across, down): (usize, usize),
    (width, height): (usize, usize),
    turn: Affine,
    shown: (usize, usize),
) -> Affine {
    let part = |value: usize, of: usize| value as f64 / of as f64;
    let (wide, tall) = (part(across, width), part(down, height));
    let on_picture = Affine::new([wide, 0.0, 0.0, -tall, part(x, width), part(y, height) + tall]);
    let (wide, tall) = (shown.0 as f64, shown.1 as f64);
    Affine::new([wide, 0.0, 0.0, -tall, 0.0, tall]) * turn * on_picture
}
