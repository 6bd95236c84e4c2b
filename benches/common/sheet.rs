//! What a bench prints: a small table for people, then one JSON line for scripts.

use std::time::Duration;

/// Whether figures are to be taken at full size: `cargo bench`. Anything else, such as
/// `cargo bench -- --test` or `cargo test --benches`, only shows that the bench runs.
pub(crate) fn full_size() -> bool {
    let given = |flag: &str| std::env::args().any(|argument| argument == flag);
    given("--bench") && !given("--test")
}

/// Figures of one bench in the order taken.
pub(crate) struct Sheet {
    bench: &'static str,
    rows: Vec<(String, String)>,
}

impl Sheet {
    /// An empty one; notes the size.
    pub(crate) fn new(bench: &'static str) -> Self {
        let mut sheet = Self {
            bench,
            rows: Vec::new(),
        };
        sheet.note("full_size", &full_size().to_string());
        sheet
    }

    /// A figure with its name: `orders_per_second`.
    pub(crate) fn figure(&mut self, name: &str, figure: f64) {
        let decimals = if figure.abs() < 100.0 { 3 } else { 0 };
        self.note(name, &format!("{figure:.decimals$}"));
    }

    /// Anything that JSON takes as it is: a number, `true`.
    pub(crate) fn note(&mut self, name: &str, json: &str) {
        println!("{:<10} {name:<44} {json:>14}", self.bench);
        self.rows.push((name.to_owned(), json.to_owned()));
    }

    /// Prints the JSON line.
    pub(crate) fn finish(self) {
        let rows = self.rows.iter();
        let rows: Vec<String> = rows
            .map(|(name, json)| format!("\"{name}\":{json}"))
            .collect();
        println!("{{\"bench\":\"{}\",{}}}", self.bench, rows.join(","));
    }
}

/// How often something happens in a second.
pub(crate) fn per_second(count: u64, took: Duration) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let count = count as f64;
    count / took.as_secs_f64()
}
