//! A body read as records.

use serde_json::Value;

/// One record, by the name it is counted under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// Its `id`, or the whole record where it has none.
    pub(super) id: String,
    pub(super) identified: bool,
}

/// The records of an NDJSON body, or of a JSON array; `None` where it is neither, or a record is not an object.
pub(super) fn records(body: &[u8]) -> Option<Vec<Record>> {
    if body.trim_ascii_start().starts_with(b"[") {
        let values: Vec<Value> = serde_json::from_slice(body).ok()?;
        return values.iter().map(record).collect();
    }
    let lines = body.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    lines.map(|line| record(&serde_json::from_slice(line).ok()?)).collect()
}

fn record(value: &Value) -> Option<Record> {
    let object = value.as_object()?;
    let id = match object.get("id") {
        Some(Value::String(id)) => Some(id.clone()),
        Some(Value::Number(id)) => Some(id.to_string()),
        _ => None,
    };
    let identified = id.is_some();
    Some(Record { id: id.unwrap_or_else(|| value.to_string()), identified })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(body: &str) -> Option<Vec<String>> {
        records(body.as_bytes()).map(|records| records.into_iter().map(|record| record.id).collect())
    }

    #[test]
    fn ndjson_and_arrays() {
        let expected = Some(vec!["a".to_owned(), "7".to_owned(), "{\"x\":1}".to_owned()]);
        assert_eq!(ids("{\"id\":\"a\"}\n{\"id\":7}\r\n\n{\"x\":1}\n"), expected);
        assert_eq!(ids(" [{\"id\":\"a\"},{\"id\":7},{\"x\":1}]"), expected);
        assert_eq!(ids(""), Some(vec![]));
        assert_eq!(ids("{\"id\":1}\n{\"id\":"), None);
        assert_eq!(ids("7"), None);
    }
}
