//! Badges: an SVG of its own, and what a badge service reads.

use std::fmt::Write as _;

use serde_json::json;

use super::html::text::Text;
use crate::exit::{Verdict, verdict_of_target};
use crate::model::{Counts, Report, TargetReport};
use crate::outcome::{ExitClass, Outcome};

/// What a badge says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Badge {
    /// The left half.
    pub label: String,
    /// The right half.
    pub message: String,
    /// The colour of the right half, as six hexadecimal digits.
    pub color: &'static str,
}

const GREEN: &str = "1a7f37";
const RED: &str = "cf222e";
const AMBER: &str = "9a6700";
const GREY: &str = "57606a";

/// The badge of the whole run.
pub fn of_run(report: &Report) -> Badge {
    badge("prism conformance".to_owned(), report.verdict, &report.totals)
}

/// The badge of one target.
pub fn of_target(report: &Report, target: &TargetReport) -> Badge {
    badge(format!("prism: {}", target.target), verdict_of_target(report, target), &target.counts)
}

fn badge(label: String, verdict: Verdict, counts: &Counts) -> Badge {
    let percent = percent(verdict, counts);
    let (message, color) = match verdict {
        Verdict::Conformant => (format!("{percent}%"), GREEN),
        Verdict::NonConformant => (format!("{percent}%"), RED),
        Verdict::Incomplete => (format!("{percent}%, incomplete"), AMBER),
        Verdict::NothingMeasured => ("nothing measured".to_owned(), GREY),
    };
    Badge { label, message, color }
}

/// How much of what should be known is known to hold, in whole percent, rounded down: a hundred means that every case
/// passed or was refused as it must be, and that the verdict is [`Verdict::Conformant`]. What there was no server for
/// is left out, as it is in the verdict.
pub fn percent(verdict: Verdict, counts: &Counts) -> u64 {
    let held: u64 = counts.iter().filter(|(outcome, _)| outcome.proves()).map(|(_, count)| count).sum();
    let all = counts.total() - counts.get(Outcome::NotMeasured);
    debug_assert!(held + counts.of_class(ExitClass::Incomplete) <= all);
    if all == 0 {
        return 0;
    }
    // Wide, so that no number of cases overflows.
    let percent = u64::try_from(u128::from(held) * 100 / u128::from(all)).unwrap_or(0);
    if verdict == Verdict::Conformant { percent } else { percent.min(99) }
}

impl Badge {
    /// The badge as SVG, readable without colours, with a newline at the end.
    pub fn svg(&self) -> String {
        let (left, right) = (width(&self.label), width(&self.message));
        let (label, message) = (Text::line(&self.label), Text::line(&self.message));
        let (color, total, middle) = (self.color, left + right, left + right / 2);
        let mut svg = String::new();
        let _ = writeln!(
            svg,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{total}\" height=\"20\" role=\"img\" \
             aria-label=\"{label}: {message}\"><title>{label}: {message}</title>\
             <clipPath id=\"r\"><rect width=\"{total}\" height=\"20\" rx=\"3\"/></clipPath>\
             <g clip-path=\"url(#r)\"><rect width=\"{left}\" height=\"20\" fill=\"#444c56\"/>\
             <rect x=\"{left}\" width=\"{right}\" height=\"20\" fill=\"#{color}\"/></g>\
             <g fill=\"#fff\" text-anchor=\"middle\" font-family=\"Verdana,DejaVu Sans,sans-serif\" font-size=\"11\">\
             <text x=\"{}\" y=\"14\" textLength=\"{}\">{label}</text>\
             <text x=\"{middle}\" y=\"14\" textLength=\"{}\">{message}</text></g></svg>",
            left / 2,
            left - PADDING,
            right - PADDING,
        );
        svg
    }

    /// What a badge service reads from an endpoint: the format that shields.io published as `schemaVersion` 1.
    pub fn endpoint(&self) -> String {
        let (label, message) = (crate::escape::line(&self.label), crate::escape::line(&self.message));
        let value = json!({ "schemaVersion": 1, "label": label, "message": message, "color": self.color });
        format!("{value}\n")
    }
}

/// Room at both sides of a text, in pixels.
const PADDING: usize = 12;

/// The width of a half in pixels. The text is stretched to it, so that a font that runs wider does not spill.
fn width(text: &str) -> usize {
    let tenths: usize = crate::escape::line(text)
        .chars()
        .map(|c| match c {
            'i' | 'j' | 'l' | '.' | ',' | ':' | ' ' | '\'' | '|' => 37,
            'f' | 'r' | 't' | '-' | '(' | ')' => 46,
            'm' | 'w' | 'M' | 'W' | '%' | '@' => 108,
            c if c.is_ascii() => 69,
            _ => 110,
        })
        .sum();
    tenths.div_ceil(10) + PADDING
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(pass: u64, fail: u64, unmeasured: u64) -> Counts {
        let outcomes = [(Outcome::Pass, pass), (Outcome::Fail, fail), (Outcome::NotMeasured, unmeasured)];
        outcomes.into_iter().flat_map(|(outcome, count)| (0..count).map(move |_| outcome)).collect()
    }

    #[test]
    fn a_hundred_is_a_hundred() {
        assert_eq!(percent(Verdict::Conformant, &counts(7, 0, 3)), 100);
        assert_eq!(percent(Verdict::NonConformant, &counts(999, 1, 0)), 99);
        assert_eq!(percent(Verdict::NonConformant, &counts(1, 2, 0)), 33);
        // Everything held, and yet something is missing: a shard, a required target.
        assert_eq!(percent(Verdict::Incomplete, &counts(10, 0, 0)), 99);
        assert_eq!(percent(Verdict::NothingMeasured, &counts(0, 0, 4)), 0);
        let excused: Counts = [Outcome::Pass, Outcome::ExpectedFail].into_iter().collect();
        assert_eq!(percent(Verdict::Conformant, &excused), 50);
    }

    #[test]
    fn foreign_names_are_data() {
        let badge = Badge { label: "<script>&\"\u{1b}".into(), message: "1%".into(), color: GREEN };
        let svg = badge.svg();
        assert!(svg.contains("&lt;script&gt;&amp;&quot;\\u{1b}") && !svg.contains("<script"));
        assert!(badge.endpoint().contains(r#""label":"<script>&\"\\u{1b}""#));
    }
}
