//! Bitmaps of Windows, `.bmp`, that are not compressed
//! (<https://learn.microsoft.com/en-us/windows/win32/gdi/bitmap-storage>).

use crate::raster::Pixels;

/// The head of a bitmap.
struct Head {
    width: usize,
    height: usize,
    is_upside_down: bool,
    bits: usize,
    /// Where the pixels begin.
    pixels: usize,
    /// Where the colours of its table begin, how many bytes each has, and how many there are.
    table: (usize, usize, usize),
    is_plain: bool,
}

impl Head {
    fn of(bytes: &[u8]) -> Option<Self> {
        let four = |at: usize| Some(i32::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
        let two = |at: usize| Some(usize::from(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?)));
        let place = |at: usize| usize::try_from(four(at)?).ok();
        let (pixels, size) = (place(10)?, place(14)?);
        if size == 12 {
            let (width, height, bits) = (two(18)?, two(20)?, two(24)?);
            let table = (26, 3, 1 << bits.min(8));
            return Some(Self { width, height, is_upside_down: true, bits, pixels, table, is_plain: true });
        }
        let (width, height, bits) = (place(18)?, four(22)?, two(28)?);
        let used = if size >= 36 { place(46)? } else { 0 };
        // Bits that are mixed in the usual way count as plain.
        let is_plain = match four(30)? {
            0 => true,
            3 => bits == 32 && four(54) == Some(0x00FF_0000) && four(58) == Some(0xFF00),
            _ => false,
        };
        let table = (14 + size, 4, if used == 0 { 1 << bits.min(8) } else { used.min(256) });
        let tall = height.unsigned_abs() as usize;
        Some(Self { width, height: tall, is_upside_down: height > 0, bits, pixels, table, is_plain })
    }
}

/// The size that a bitmap says it has.
pub(super) fn size(bytes: &[u8]) -> Option<(usize, usize)> {
    Head::of(bytes).map(|head| (head.width, head.height))
}

pub(super) fn pixels(bytes: &[u8]) -> Option<Pixels> {
    let head = Head::of(bytes).filter(|head| head.is_plain && matches!(head.bits, 1 | 4 | 8 | 24 | 32))?;
    let Head { width, height, bits, .. } = head;
    let colours = |bytes: &[u8]| [bytes[2], bytes[1], bytes[0]];
    let (from, step, count) = head.table;
    let table: Vec<[u8; 3]> = match bits {
        24 | 32 => Vec::new(),
        _ => bytes.get(from..)?.chunks_exact(step).take(count).map(colours).collect(),
    };
    let row = (width * bits).div_ceil(32) * 4;
    let rows: Vec<&[u8]> = bytes.get(head.pixels..)?.chunks_exact(row).take(height).collect();
    // Rows run upwards from the lowest.
    let mut data = vec![255; width * height * 3];
    for (at, packed) in rows.iter().enumerate() {
        let y = if head.is_upside_down { height - 1 - at } else { at };
        for x in 0..width {
            let colour = match bits {
                24 | 32 => colours(&packed[x * bits / 8..]),
                _ => {
                    let byte = packed[x * bits / 8] >> (8 - bits - x * bits % 8);
                    let index = usize::from(byte) & ((1 << bits) - 1);
                    table.get(index).copied().unwrap_or_default()
                }
            };
            data[(y * width + x) * 3..][..3].copy_from_slice(&colour);
        }
    }
    Some(Pixels::new((width, height), 3, data))
}
