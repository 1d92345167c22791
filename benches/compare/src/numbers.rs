//! Medians, because a shared machine has no mean.

/// The middle of `values`, and of their lower and upper half: median and quartiles.
pub fn quartiles(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let index = (share * values.len().saturating_sub(1) as f64).round() as usize;
        values.get(index).copied().unwrap_or(f64::NAN)
    };
    [at(0.25), at(0.5), at(0.75)]
}

/// The middle of `values`.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    quartiles(values.into_iter().collect())[1]
}

/// How far half of `values` lies from their middle, as a share of it.
pub fn noise(values: impl IntoIterator<Item = f64>) -> f64 {
    let [low, middle, high] = quartiles(values.into_iter().collect());
    (high - low) / middle
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_half_of_five() {
        assert_eq!(quartiles(vec![5.0, 1.0, 4.0, 2.0, 3.0]), [2.0, 3.0, 4.0]);
        assert_eq!(median([7.0]), 7.0);
        assert!(median([]).is_nan());
        assert!((noise([5.0, 1.0, 4.0, 2.0, 3.0]) - 2.0 / 3.0).abs() < 1e-12);
    }
}
