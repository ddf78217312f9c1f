//! Keeping no more than the configuration says: old runs and old backups go once
//! something new is there. Without that configuration nothing goes by itself.

use super::Context;
use crate::error::Result;
use crate::report::words;

/// Removes what is too old or too many, and says so. A failure here is no failure of
/// what was done before.
pub fn tidy(context: &Context<'_>) {
    if let Err(error) = remove(context) {
        context
            .out
            .warn(&format!("old runs and backups were not removed: {error}"));
    }
}

fn remove(context: &Context<'_>) -> Result<()> {
    let config = context.config()?;
    let home = context.home();
    let runs = match config.keep_runs_days {
        Some(days) => home.remove_old(days)?.len(),
        None => 0,
    };
    let backups = match config.keep_backups {
        Some(keep) if home.dir().join("backups").is_dir() => {
            home.clean_backups(keep as usize)?.len()
        }
        _ => 0,
    };
    for (number, one, many) in [(runs, "run", "runs"), (backups, "backup", "backups")] {
        if number > 0 {
            let removed = words::count(number as u64, one, many);
            context
                .out
                .say(&format!("Removed {removed}, as the configuration says."));
        }
    }
    Ok(())
}
