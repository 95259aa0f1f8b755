//! Progress on standard error: on a terminal alone, and not if it is not wanted.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output;

/// How often a terminal hears of it, a second.
const A_SECOND: u8 = 5;

/// Shows how far a command has come; gone from the terminal when it is dropped.
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// Progress of something whose end is known, in bytes, or not.
    pub fn new(quiet: bool, total: Option<u64>) -> Self {
        let target =
            if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr_with_hz(A_SECOND) };
        let bar = ProgressBar::with_draw_target(total, target);
        let template = match total {
            Some(_) => "{bar:30} {bytes}/{total_bytes}  {bytes_per_sec}  {msg}",
            None => "{spinner} {bytes}  {bytes_per_sec}  {msg}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Progress { bar }
    }

    /// So many bytes are done, and this is to be said of it.
    pub fn set(&self, bytes: u64, message: impl Into<String>) {
        if self.bar.is_hidden() {
            return;
        }
        self.bar.set_position(bytes);
        self.bar.set_message(message.into());
    }

    /// Whether it is shown nowhere.
    pub fn is_hidden(&self) -> bool {
        self.bar.is_hidden()
    }

    /// Keeps the spinner turning while one long step runs.
    pub fn tick_by_itself(&self) {
        if !self.bar.is_hidden() {
            self.bar.enable_steady_tick(Duration::from_millis(200));
        }
    }

    /// Says something on standard error without spoiling the bar.
    pub fn say(&self, message: &str) {
        self.bar.suspend(|| output::say(message));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
