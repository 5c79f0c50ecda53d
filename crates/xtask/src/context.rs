//! Where things are on this machine: folders, the PATH that commands see, the toolchain they use.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Result;

pub(crate) struct Context {
    /// The repository.
    pub(crate) root: PathBuf,
    pub(crate) cargo_home: PathBuf,
    /// The rustup toolchain that commands use, when rustup is what finds `cargo`.
    pub(crate) toolchain: Option<String>,
    path: OsString,
}

impl Context {
    pub(crate) fn from_environment() -> Result<Context> {
        let cargo_home = match env::var_os("CARGO_HOME") {
            Some(folder) => PathBuf::from(folder),
            None => home()?.join(".cargo"),
        };
        Ok(Context {
            root: repository()?,
            path: search_path(&cargo_home)?,
            cargo_home,
            toolchain: env::var("RUSTUP_TOOLCHAIN").ok(),
        })
    }

    /// A command that runs in the repository and finds the tools that the set-up installed.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.find(program).unwrap_or_else(|| program.into()));
        command.current_dir(&self.root).env("PATH", &self.path);
        match &self.toolchain {
            Some(toolchain) => command.env("RUSTUP_TOOLCHAIN", toolchain),
            None => command.env_remove("RUSTUP_TOOLCHAIN"),
        };
        command
    }

    /// Cargo as one types it: through rustup where there is rustup.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = self.command("cargo");
        command.args(arguments);
        command
    }

    pub(crate) fn find(&self, program: &str) -> Option<PathBuf> {
        env::split_paths(&self.path).map(|folder| folder.join(program)).find(|file| file.is_file())
    }

    /// Where the output of a tool is kept that only matters when it fails.
    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.target().join("xtask").join(format!("{name}.log"))
    }

    /// Where cargo puts what it builds here.
    pub(crate) fn target(&self) -> PathBuf {
        match env::var_os("CARGO_TARGET_DIR") {
            Some(folder) => self.root.join(folder),
            None => self.root.join("target"),
        }
    }
}

fn home() -> Result<PathBuf> {
    env::var_os("HOME").map(PathBuf::from).ok_or_else(|| "set HOME or CARGO_HOME".to_owned())
}

fn repository() -> Result<PathBuf> {
    let manifest = env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    let root = manifest.parent().and_then(Path::parent);
    root.map(Path::to_owned).ok_or_else(|| "run this as `cargo xtask`".to_owned())
}

/// The user's PATH in the user's order, then the folders that it may lack.
fn search_path(cargo_home: &Path) -> Result<OsString> {
    let inherited = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&inherited)
        .chain([cargo_home.join("bin")])
        .chain(["/usr/sbin", "/sbin"].map(PathBuf::from));
    env::join_paths(folders).map_err(|error| format!("PATH cannot be read: {error}"))
}
