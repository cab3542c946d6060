//! What counts of right answers say, and what they don't.

/// Of the normal distribution, for 95%.
const Z: f64 = 1.959_964;

/// Where the true share probably lies: Wilson's interval for `right` of `n`, at 95%. `right` may have fractions.
/// `None` without any.
pub fn interval(right: f64, n: usize) -> Option<(f64, f64)> {
    if n == 0 {
        return None;
    }
    let (n, share) = (n as f64, right / n as f64);
    let centre = (share + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
    let half = Z / (1.0 + Z * Z / n) * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    Some(((centre - half).max(0.0), (centre + half).min(1.0)))
}

/// How often chance alone would make a difference at least as one-sided: the exact sign test, both sides, for questions of
/// which one configuration did `better` and `worse` than another. Ties don't count.
pub fn sign_test(better: usize, worse: usize) -> f64 {
    let n = better + worse;
    let fewer = better.min(worse);
    // Binomial probabilities, each from the one before.
    let mut probability = 0.5f64.powi(i32::try_from(n).unwrap_or(i32::MAX));
    let mut sum = 0.0;
    for k in 0..=fewer {
        sum += probability;
        probability *= (n - k) as f64 / (k + 1) as f64;
    }
    (2.0 * sum).min(1.0)
}

/// The mean; `None` of nothing.
pub fn mean(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let (mut sum, mut n) = (0.0, 0_usize);
    for value in values {
        sum += value;
        n += 1;
    }
    (n > 0).then(|| sum / n as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_wilsons() {
        for (right, n, low, high) in
            [(14.0, 15, 0.702, 0.988), (15.0, 15, 0.796, 1.0), (0.0, 10, 0.0, 0.278), (5.0, 10, 0.237, 0.763)]
        {
            let (from, to) = interval(right, n).unwrap();
            assert!((from - low).abs() < 0.001 && (to - high).abs() < 0.001, "{right}/{n}: {from} {to}");
        }
        assert!(interval(0.0, 0).is_none());
    }

    #[test]
    fn the_sign_test_is_exact() {
        for (better, worse, p) in [
            (0, 0, 1.0),
            (1, 0, 1.0),
            (3, 1, 0.625),
            (5, 0, 0.0625),
            (6, 0, 0.03125),
            (10, 2, 0.0386),
            (4, 4, 1.0),
        ] {
            assert!(
                (sign_test(better, worse) - p).abs() < 0.0005,
                "{better}:{worse} {}",
                sign_test(better, worse)
            );
        }
    }
}
