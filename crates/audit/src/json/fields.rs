use std::error::Error;
use std::fmt;

use serde_json::{Number, Value};
use tower_intake_core::error::describe;
use tracing::field::{Field, Visit};

/// These stand in every line already; a field of the same name would make the line ambiguous.
const RESERVED: [&str; 3] = ["timestamp", "level", "logger"];

/// The fields of one event as they go into its line, `,"name":value` each, and the message apart.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    pub(crate) text: Vec<u8>,
    pub(crate) message: Option<String>,
}

impl Fields {
    fn put(&mut self, field: &Field, value: &Value) {
        let name = field.name();
        self.text.push(b',');
        if RESERVED.contains(&name) {
            write(&mut self.text, &format!("field.{name}").into());
        } else {
            write(&mut self.text, &name.into());
        }
        self.text.push(b':');
        write(&mut self.text, value);
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.message = Some(value.to_owned());
        } else {
            self.put(field, &value.into());
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, &value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, &value.into());
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        // beyond 64 bits a JSON number would lose digits
        self.put(field, &Number::from_i128(value).map_or_else(|| value.to_string().into(), Value::from));
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.put(field, &Number::from_u128(value).map_or_else(|| value.to_string().into(), Value::from));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON has no word for infinity; it is null there
        self.put(field, &value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, &value.into());
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.record_str(field, &describe(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

/// These end a line for some readers (Python's `splitlines`), and JSON leaves them as they are.
const LINE_ENDS: [(char, &str); 3] =
    [('\u{85}', "\\u0085"), ('\u{2028}', "\\u2028"), ('\u{2029}', "\\u2029")];

/// `value` as JSON, control characters escaped, on one line whatever a reader takes for the end of one.
pub(crate) fn write(line: &mut Vec<u8>, value: &Value) {
    let mut text = value.to_string();
    if !text.is_ascii() {
        for (end, escaped) in LINE_ENDS {
            // outside of strings JSON has none of them
            text = text.replace(end, escaped);
        }
    }
    line.extend_from_slice(text.as_bytes());
}
