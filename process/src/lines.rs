//! The last lines that a process wrote.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::io::{AsyncRead, AsyncReadExt};

/// How many lines are kept.
pub const KEPT: usize = 50;
/// A longer line is cut, so that what is kept is bounded whatever a server writes.
const MAX_LINE_BYTES: usize = 1000;

/// A bounded buffer of lines; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Lines(Arc<Mutex<Ring>>);

#[derive(Debug, Default)]
struct Ring {
    kept: VecDeque<String>,
    /// How many lines there were before those.
    gone: usize,
}

impl Lines {
    /// Reads to the end of a stream and keeps its last lines.
    pub async fn collect(self, mut stream: impl AsyncRead + Unpin) {
        let mut buffer = [0; 4096];
        let mut line = Vec::new();
        // A stream that cannot be read any more has ended, whatever the reason.
        while let Ok(count @ 1..) = stream.read(&mut buffer).await {
            for byte in &buffer[..count] {
                if *byte == b'\n' {
                    self.push(&line);
                    line.clear();
                } else if line.len() < MAX_LINE_BYTES {
                    line.push(*byte);
                }
            }
        }
        if !line.is_empty() {
            self.push(&line);
        }
    }

    /// The lines, oldest first.
    pub fn snapshot(&self) -> Vec<String> {
        self.since(0)
    }

    /// How many lines there have been so far.
    pub fn mark(&self) -> usize {
        let ring = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ring.gone + ring.kept.len()
    }

    /// Those of the kept lines that came after `mark`.
    pub fn since(&self, mark: usize) -> Vec<String> {
        let ring = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ring.kept.iter().skip(mark.saturating_sub(ring.gone)).cloned().collect()
    }

    fn push(&self, line: &[u8]) {
        let line = String::from_utf8_lossy(line).trim_end().to_owned();
        let mut ring = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if ring.kept.len() == KEPT {
            ring.kept.pop_front();
            ring.gone += 1;
        }
        ring.kept.push_back(line);
    }
}

/// A sentence with the last few lines under it, where there are any.
pub fn with_lines(sentence: String, lines: &[String]) -> String {
    const SHOWN: usize = 10;
    let shown = &lines[lines.len().saturating_sub(SHOWN)..];
    shown.iter().fold(sentence, |text, line| format!("{text}\n  | {line}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_last_lines_are_kept_and_long_ones_are_cut() {
        let lines = Lines::default();
        let text = "line\n".repeat(150) + "first\n" + &"line\n".repeat(48) + &"x".repeat(5000);
        lines.clone().collect(text.as_bytes()).await;
        let kept = lines.snapshot();
        assert_eq!(kept.len(), KEPT);
        assert_eq!(kept[0], "first");
        assert_eq!(kept[KEPT - 1].len(), MAX_LINE_BYTES);
        assert_eq!(with_lines("died".to_owned(), &kept).lines().count(), 11);
        let mark = lines.mark();
        assert_eq!((mark, lines.since(mark).len(), lines.since(mark - 1).len()), (200, 0, 1));
        assert_eq!(lines.since(3), kept);
    }
}
