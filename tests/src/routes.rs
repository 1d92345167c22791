//! A script a path.

use std::fmt;
use std::sync::Arc;

use crate::answer::Answer;
use crate::moment::Moment;
use crate::recorded::Recorded;
use crate::script::Script;

/// Chooses a script by the path of the request; the first route that fits is taken, else the answer is 404.
///
/// Answers before any request is read ([`Moment::Accepted`], [`Moment::FirstByte`]) know no path, so the script of
/// [`otherwise`](Routes::otherwise) alone is asked for them.
///
/// ```
/// # use tower_intake_tests::{Answer, Routes, sequence};
/// let script = Routes::new()
///     .at("/v1/batch", sequence([Answer::new(503), Answer::ok()]))
///     .under("/static/", Answer::ok().body("…"))
///     .otherwise(Answer::new(410));
/// # let _ = script;
/// ```
pub struct Routes {
    routes: Vec<(Path, Arc<dyn Script>)>,
    otherwise: Arc<dyn Script>,
}

#[derive(Debug)]
enum Path {
    Exactly(String),
    Under(String),
}

impl Path {
    fn fits(&self, path: &str) -> bool {
        match self {
            Self::Exactly(own) => own == path,
            Self::Under(prefix) => path.starts_with(prefix),
        }
    }
}

impl Routes {
    /// No routes: 404 for all.
    #[must_use]
    pub fn new() -> Self {
        Self { routes: Vec::new(), otherwise: Arc::new(Answer::new(404)) }
    }

    /// This script for exactly this path.
    #[must_use]
    pub fn at(mut self, path: impl Into<String>, script: impl Script) -> Self {
        self.routes.push((Path::Exactly(path.into()), Arc::new(script)));
        self
    }

    /// This script for every path that begins so.
    #[must_use]
    pub fn under(mut self, prefix: impl Into<String>, script: impl Script) -> Self {
        self.routes.push((Path::Under(prefix.into()), Arc::new(script)));
        self
    }

    /// This script where no route fits.
    #[must_use]
    pub fn otherwise(mut self, script: impl Script) -> Self {
        self.otherwise = Arc::new(script);
        self
    }

    fn find(&self, request: &Recorded) -> &dyn Script {
        let path = request.path();
        let route = self.routes.iter().find(|(own, _)| own.fits(path));
        route.map_or(&*self.otherwise, |(_, script)| &**script)
    }
}

impl Script for Routes {
    fn answer(&self, request: &Recorded) -> Answer {
        self.find(request).answer(request)
    }

    fn answer_head(&self, head: &Recorded) -> Option<Answer> {
        self.find(head).answer_head(head)
    }

    fn answer_connection(&self, connection: u64, moment: Moment) -> Option<Answer> {
        self.otherwise.answer_connection(connection, moment)
    }
}

impl Default for Routes {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Routes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let paths = self.routes.iter().map(|(path, _)| path);
        f.debug_list().entries(paths).finish()
    }
}
