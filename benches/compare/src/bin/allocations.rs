//! Prints, for each stack, its name and the allocations a call. A program of its own, because counting them slows
//! them.

use tower_intake_compare::{NAMES, calls};

const CALLS: u64 = 6_400;

fn main() {
    for name in NAMES {
        if let Some(mut run) = calls(name) {
            // what is made once for all is not a call's cost
            run(64);
            let counted = allocation_counter::measure(|| run(CALLS)).count_total;
            println!("{name} {:.3}", counted as f64 / CALLS as f64);
        }
    }
}
