//! What RustPython takes of malachite-q: true division of integers, and the ratio that a float is.

use std::cmp::Ordering;

use malachite_base::{num::conversion::traits::RoundingInto, rounding_modes::RoundingMode};
use num_bigint::{BigInt, BigUint, Sign};
use num_integer::Integer;
use num_traits::{One, ToPrimitive, Zero};

/// Bits of a float's significand.
const PRECISION: i64 = 53;
/// The exponent of the least bit of the least float.
const LEAST: i64 = -1074;

/// A ratio of two integers. It is not always in lowest terms.
#[derive(Clone, Debug)]
pub struct Rational {
    sign: Sign,
    numerator: BigUint,
    denominator: BigUint,
}

impl Rational {
    /// `numerator / denominator`.
    ///
    /// # Panics
    /// If the denominator is zero.
    pub fn from_integers_ref(numerator: &BigInt, denominator: &BigInt) -> Self {
        assert!(!denominator.is_zero(), "a denominator of zero");
        let sign = if numerator.sign() == denominator.sign() { Sign::Plus } else { Sign::Minus };
        Self { sign, numerator: numerator.magnitude().clone(), denominator: denominator.magnitude().clone() }
    }

    /// The numerator's and the denominator's magnitude.
    pub fn into_numerator_and_denominator(self) -> (BigUint, BigUint) {
        (self.numerator, self.denominator)
    }
}

impl TryFrom<f64> for Rational {
    type Error = ();

    /// The exact value in lowest terms; an error if it is not finite.
    fn try_from(value: f64) -> Result<Self, ()> {
        if !value.is_finite() {
            return Err(());
        }
        let bits = value.to_bits();
        let (exponent, fraction) = ((bits >> 52 & 0x7ff) as i64, bits & ((1 << 52) - 1));
        let (mut significand, mut exponent) =
            if exponent == 0 { (fraction, LEAST) } else { (fraction | 1 << 52, exponent - 1 + LEAST) };
        if significand != 0 {
            let shift = i64::from(significand.trailing_zeros());
            (significand, exponent) = (significand >> shift, exponent + shift);
        }
        let one = BigUint::one();
        let (numerator, denominator) = if exponent >= 0 {
            (BigUint::from(significand) << exponent as u64, one)
        } else if significand == 0 {
            (BigUint::zero(), one)
        } else {
            (BigUint::from(significand), one << exponent.unsigned_abs())
        };
        let sign = if value < 0.0 { Sign::Minus } else { Sign::Plus };
        Ok(Self { sign, numerator, denominator })
    }
}

impl RoundingInto<f64> for Rational {
    /// The nearest finite float: a value beyond the greatest one rounds to that, and the order says so.
    fn rounding_into(self, _: RoundingMode) -> (f64, Ordering) {
        let Self { sign, numerator, denominator } = self;
        if numerator.is_zero() {
            return (0.0, Ordering::Equal);
        }
        // The quotient is made to have two bits more than a float, or fewer where the float is subnormal.
        let size = numerator.bits() as i64 - denominator.bits() as i64;
        let shift = (size - PRECISION - 2).max(LEAST - 2);
        let (numerator, denominator) = if shift >= 0 {
            (numerator, denominator << shift as u64)
        } else {
            (numerator << shift.unsigned_abs(), denominator)
        };
        let (quotient, rest) = numerator.div_rem(&denominator);
        let bits = quotient.bits() as i64;
        // Bits of the quotient that the float has no room for: at least two.
        let extra = (bits - PRECISION).max(LEAST - shift).max(0);
        let quotient = quotient.to_u128().unwrap_or(u128::MAX);
        let (kept, cut) = (quotient >> extra, quotient & ((1 << extra) - 1));
        let half = 1u128 << extra >> 1;
        let inexact = !rest.is_zero();
        let up = extra > 0 && (cut > half || cut == half && (inexact || kept & 1 == 1));
        let kept = kept + u128::from(up);
        let magnitude = scaled(kept as f64, shift + extra);
        let order = match (up, cut == 0 && !inexact) {
            (_, true) => Ordering::Equal,
            (true, _) => Ordering::Greater,
            (false, _) => Ordering::Less,
        };
        let (magnitude, order) =
            if magnitude.is_infinite() { (f64::MAX, Ordering::Less) } else { (magnitude, order) };
        if sign == Sign::Minus { (-magnitude, order.reverse()) } else { (magnitude, order) }
    }
}

/// `significand * 2 ** exponent`, of which the result is exact or infinite.
fn scaled(significand: f64, exponent: i64) -> f64 {
    if exponent > 1023 {
        return f64::INFINITY;
    }
    // Two factors, as the least power of two that is a normal float is 2 ** -1022.
    let half = exponent / 2;
    significand * 2f64.powi(half as i32) * 2f64.powi((exponent - half) as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn divided(numerator: &str, denominator: &str) -> (f64, Ordering) {
        let integer = |text: &str| text.parse::<BigInt>().unwrap();
        Rational::from_integers_ref(&integer(numerator), &integer(denominator))
            .rounding_into(RoundingMode::Nearest)
    }

    #[test]
    fn quotients_are_rounded_to_the_nearest_float() {
        for (a, b) in [(1, 3), (2, 3), (-7, 2), (1 << 53, 1), (9_007_199_254_740_991, 3), (0, 5), (5, -7)] {
            assert_eq!(divided(&a.to_string(), &b.to_string()).0, a as f64 / b as f64, "{a} / {b}");
        }
        let power = |exponent: u32| (BigInt::one() << exponent).to_string();
        assert_eq!(divided("1", &power(1074)).0, f64::from_bits(1));
        assert_eq!(divided("1", &power(1075)), (0.0, Ordering::Less));
        assert_eq!(divided("3", &power(1076)).0, f64::from_bits(1));
        assert_eq!(divided("3", &power(1075)).0, f64::from_bits(2));
        assert_eq!(divided(&power(1024), "1"), (f64::MAX, Ordering::Less));
        assert_eq!(divided(&format!("-{}", power(1030)), "1"), (-f64::MAX, Ordering::Greater));
        assert_eq!(divided(&power(2000), &power(1999)), (2.0, Ordering::Equal));
        // 2 ** 53 + 1 lies between two floats, and goes to the even one.
        assert_eq!(divided("9007199254740993", "1"), (9007199254740992.0, Ordering::Less));
        assert_eq!(divided("9007199254740995", "1"), (9007199254740996.0, Ordering::Greater));
        assert_eq!(divided("90071992547409930000000001", "10000000000").0, 9007199254740994.0);
    }

    #[test]
    fn a_float_is_a_ratio_in_lowest_terms() {
        let ratio = |value: f64| {
            let (numerator, denominator) = Rational::try_from(value).unwrap().into_numerator_and_denominator();
            format!("{numerator}/{denominator}")
        };
        assert_eq!([0.5, -0.75, 3.0, 1e22, 0.0].map(ratio), ["1/2", "3/4", "3/1", "10000000000000000000000/1", "0/1"]);
        assert_eq!(ratio(0.1), "3602879701896397/36028797018963968");
        assert_eq!(ratio(f64::from_bits(1)), format!("1/{}", BigUint::one() << 1074u32));
        assert!(Rational::try_from(f64::NAN).is_err());
    }
}
