/// A share of the calls as a fraction of whole numbers, so that 1 of 3 meets a third exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ratio {
    numerator: u128,
    denominator: u128,
}

impl Ratio {
    /// Less than one call in a million is no ratio that anyone means.
    const LEAST: f64 = 1e-6;

    /// The simplest fraction that is written as this number: 0.1 is 1/10 and not the binary number beside it,
    /// which 2 of 20 would just miss. `None` unless it is between one in a million and 1.
    pub(crate) fn new(ratio: f64) -> Option<Self> {
        if !(Self::LEAST..=1.0).contains(&ratio) {
            return None;
        }
        // the number is exactly `mantissa / 2^shift`; LEAST keeps the shift under 73
        let bits = ratio.to_bits();
        let mantissa = (bits & ((1 << 52) - 1)) | (1 << 52);
        let shift = 1075 - (bits >> 52);
        let (mut a, mut b) = (u128::from(mantissa), 1_u128 << shift);
        // its continued fraction: whoever wrote p/q with q < 2^26 finds p/q among the convergents
        let (mut h, mut h_before) = (1, 0);
        let (mut k, mut k_before) = (0, 1);
        while b != 0 {
            let whole = a / b;
            (h, h_before) = (whole * h + h_before, h);
            (k, k_before) = (whole * k + k_before, k);
            if h as f64 / k as f64 == ratio {
                break;
            }
            (a, b) = (b, a % b);
        }
        Some(Self { numerator: h, denominator: k })
    }

    /// Whether `part` of `total` is this share or more.
    pub(crate) fn is_reached(self, part: u64, total: u64) -> bool {
        u128::from(part) * self.denominator >= u128::from(total) * self.numerator
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn c_br_01_a_number_is_the_fraction_that_was_meant() {
        let fraction = |ratio: f64| {
            let ratio = Ratio::new(ratio).unwrap();
            (ratio.numerator, ratio.denominator)
        };
        assert_eq!(fraction(0.5), (1, 2));
        assert_eq!(fraction(1.0), (1, 1));
        assert_eq!(fraction(0.1), (1, 10));
        assert_eq!(fraction(0.29), (29, 100));
        assert_eq!(fraction(1.0 / 3.0), (1, 3));
        assert_eq!(fraction(2.0 / 3.0), (2, 3));
        assert_eq!(fraction(0.000_001), (1, 1_000_000));
    }

    #[test]
    fn c_br_01_what_is_no_share_is_refused() {
        for ratio in
            [0.0, -0.5, 1.000_001, 1e-7, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MIN_POSITIVE]
        {
            assert_eq!(Ratio::new(ratio), None, "{ratio}");
        }
    }

    proptest! {
        #[test]
        fn c_br_01_every_tie_is_reached_and_one_less_is_not(q in 1_u32..2_000_000, p in 1_u32..2_000_000, n in 1_u64..1_000_000) {
            prop_assume!(p <= q);
            let ratio = Ratio::new(f64::from(p) / f64::from(q)).unwrap();
            let (p, q) = (u64::from(p) * n, u64::from(q) * n);
            prop_assert!(ratio.is_reached(p, q));
            prop_assert!(!ratio.is_reached(p - 1, q));
            prop_assert!(!ratio.is_reached(p, q + 1));
        }

        #[test]
        fn c_br_01_any_number_in_range_has_a_fraction_near_it(ratio in 1e-6..=1.0_f64) {
            let Ratio { numerator, denominator } = Ratio::new(ratio).unwrap();
            prop_assert_eq!(numerator as f64 / denominator as f64, ratio);
        }
    }
}
