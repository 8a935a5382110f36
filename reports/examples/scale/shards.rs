//! A run as the logs of many machines, one for each target.

use std::io;
use std::path::{Path, PathBuf};

use prism_reports::{Event, EventKind, EventWriter, Shard, read_log};

/// Writes one log for each target, each in a folder of its own.
pub(crate) fn write(events: &[Event], folder: &Path) -> io::Result<Vec<PathBuf>> {
    let Some((first, rest)) = events.split_first() else { return Ok(Vec::new()) };
    let starts = |event: &Event| matches!(event.kind, EventKind::TargetPlanned(_));
    let places: Vec<usize> = (0..rest.len()).filter(|place| starts(&rest[*place])).collect();
    let ends = places.iter().skip(1).copied().chain([rest.len()]);
    let mut files = Vec::new();
    for (number, (start, end)) in places.iter().copied().zip(ends).enumerate() {
        let shard = folder.join(number.to_string());
        std::fs::create_dir_all(&shard)?;
        let file = shard.join("events.jsonl");
        let mut log = EventWriter::create(&file).map_err(io::Error::other)?;
        let mut kinds = vec![first.kind.clone()];
        kinds.extend(rest[start..end].iter().map(|event| event.kind.clone()));
        for mut kind in kinds {
            match &mut kind {
                EventKind::RunStarted(run) => run.run_id = format!("{number:08x}"),
                EventKind::RunFinished(_) => continue,
                _ => {}
            }
            log.append(kind).map_err(io::Error::other)?;
        }
        let closing = log.closing_record(false, Some(50_000));
        log.append(closing).map_err(io::Error::other)?;
        files.push(file);
    }
    Ok(files)
}

/// Reads them back.
pub(crate) fn read(files: &[PathBuf]) -> io::Result<Vec<Shard>> {
    let read = |file: &PathBuf| {
        let (events, completeness) = read_log(file).map_err(io::Error::other)?;
        Ok(Shard { file: file.display().to_string(), events, completeness })
    };
    files.iter().map(read).collect()
}
