//! How a photo is turned: cameras store what they see, and say which side is up.

use hayro_font::kurbo::Affine;

/// The tag of EXIF and TIFF that says it (TIFF 6.0, section 8).
pub(crate) const ORIENTATION: u16 = 0x112;

/// What leads a square of 1, whose upper left is 0, 0, to the same square as it is to be looked at, by the number in the
/// tag.
pub(crate) fn turn(orientation: u64) -> Affine {
    Affine::new(match orientation {
        2 => [-1.0, 0.0, 0.0, 1.0, 1.0, 0.0],
        3 => [-1.0, 0.0, 0.0, -1.0, 1.0, 1.0],
        4 => [1.0, 0.0, 0.0, -1.0, 0.0, 1.0],
        5 => [0.0, 1.0, 1.0, 0.0, 0.0, 0.0],
        6 => [0.0, 1.0, -1.0, 0.0, 1.0, 0.0],
        7 => [0.0, -1.0, -1.0, 0.0, 1.0, 1.0],
        8 => [0.0, -1.0, 1.0, 0.0, 0.0, 1.0],
        _ => [1.0, 0.0, 0.0, 1.0, 0.0, 0.0],
    })
}

/// What the first directory of these bytes, a TIFF as EXIF is one, says of it; 1 if nothing.
pub(crate) fn of_exif(tiff: &[u8]) -> u64 {
    super::directory::Directory::first(tiff).and_then(|directory| directory.number(ORIENTATION)).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use hayro_font::kurbo::Point;

    use super::*;

    #[test]
    fn the_corner_that_was_up_comes_up() {
        // Where the stored upper left and upper right are looked at, by the table in TIFF 6.0.
        let cases = [
            (1, (0.0, 0.0), (1.0, 0.0)),
            (2, (1.0, 0.0), (0.0, 0.0)),
            (3, (1.0, 1.0), (0.0, 1.0)),
            (4, (0.0, 1.0), (1.0, 1.0)),
            (5, (0.0, 0.0), (0.0, 1.0)),
            (6, (1.0, 0.0), (1.0, 1.0)),
            (7, (1.0, 1.0), (1.0, 0.0)),
            (8, (0.0, 1.0), (0.0, 0.0)),
            (99, (0.0, 0.0), (1.0, 0.0)),
        ];
        for (orientation, left, right) in cases {
            assert_eq!(turn(orientation) * Point::ORIGIN, Point::from(left), "{orientation}");
            assert_eq!(turn(orientation) * Point::new(1.0, 0.0), Point::from(right), "{orientation}");
        }
    }
}
