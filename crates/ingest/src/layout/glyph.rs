//! A character where it stands on a page.

/// A character as it was drawn. Pages are measured in points from their upper left corner, `y` downwards.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Glyph {
    /// The character; a space where the page has one drawn.
    pub(crate) letter: char,
    /// The start of its baseline.
    pub(crate) x: f32,
    /// The height of its baseline.
    pub(crate) y: f32,
    /// How far it reaches along the baseline.
    pub(crate) advance: f32,
    /// The size of its font: what an em measures here.
    pub(crate) size: f32,
    /// Where the baseline runs to, in degrees clockwise: 0 is to the right, 90 down the page.
    pub(crate) angle: i16,
}

/// The angle of a vector on a page. Slight slants count as straight, others are rounded to five degrees.
pub(crate) fn angle_of(x: f64, y: f64) -> i16 {
    let degrees = y.atan2(x).to_degrees().rem_euclid(360.0);
    let quarter = (degrees / 90.0).round() * 90.0;
    let kept = if (degrees - quarter).abs() <= 4.0 { quarter } else { (degrees / 5.0).round() * 5.0 };
    kept.rem_euclid(360.0) as i16
}

/// Turns glyphs of one angle so that their baselines run to the right, as if the page of this width and height were
/// turned. Gives the height that the page has then.
pub(crate) fn straightened(glyphs: &mut [Glyph], angle: i16, (width, height): (f32, f32)) -> f32 {
    if angle == 0 {
        return height;
    }
    let (sin, cos) = f32::from(angle).to_radians().sin_cos();
    let turn = |x: f32, y: f32| (x * cos + y * sin, y * cos - x * sin);
    let corners = [turn(width, 0.0), turn(0.0, height), turn(width, height)];
    let top = corners.iter().fold(0.0, |top: f32, (_, y)| top.min(*y));
    let bottom = corners.iter().fold(0.0, |bottom: f32, (_, y)| bottom.max(*y));
    for glyph in glyphs {
        (glyph.x, glyph.y) = turn(glyph.x, glyph.y);
        glyph.y -= top;
        glyph.angle = 0;
    }
    bottom - top
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn angles_are_clockwise_and_rounded() {
        for (x, y, angle) in [
            (1.0, 0.0, 0),
            (1.0, 0.05, 0),
            (1.0, -0.05, 0),
            (0.0, 1.0, 90),
            (-1.0, 0.0, 180),
            (0.0, -1.0, 270),
            (1.0, -1.0, 315),
        ] {
            assert_eq!(angle_of(x, y), angle, "{x} {y}");
        }
    }

    #[test]
    fn text_that_runs_down_the_page_is_straightened() {
        let glyph = |x, y| Glyph { letter: 'a', x, y, advance: 5.0, size: 10.0, angle: 90 };
        // The first of two lines that run down is the right one.
        let mut glyphs = [glyph(100.0, 50.0), glyph(100.0, 55.0), glyph(88.0, 50.0)];
        assert!((straightened(&mut glyphs, 90, (600.0, 800.0)) - 600.0).abs() < 0.1);
        assert!(glyphs[0].x < glyphs[1].x && (glyphs[0].y - glyphs[1].y).abs() < 0.01);
        assert!(glyphs[2].y > glyphs[0].y && (glyphs[0].y - 500.0).abs() < 0.1);
    }
}
