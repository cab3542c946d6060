//! Chooses the modules of the standard library, changes those that look at the clock, at chance or at what is slow to
//! load, and compiles them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use rustpython_compiler::{CompileOpts, Mode, compile};
use rustpython_compiler_core::frozen::{FrozenCodeObject, FrozenLib, FrozenModule};

/// The compiled modules by their names.
type Modules = BTreeMap<String, FrozenModule<Vec<u8>>>;

/// Modules and packages, without those that are native.
#[rustfmt::skip]
const MODULES: &[&str] = &[
    "__future__.py", "_ast_unparse.py", "_collections_abc.py", "_colorize.py", "_markupbase.py", "_opcode_metadata.py", "_pycodecs.py",
    "_py_abc.py", "_py_warnings.py", "_pydatetime.py", "_pydecimal.py", "_strptime.py", "_threading_local.py",
    "_weakrefset.py", "abc.py", "annotationlib.py", "ast.py", "base64.py", "bisect.py", "calendar.py", "codecs.py", "codeop.py",
    "collections", "colorsys.py", "configparser.py", "contextlib.py", "contextvars.py", "copy.py", "copyreg.py", "csv.py", "dataclasses.py",
    "datetime.py", "decimal.py", "difflib.py", "dis.py", "encodings/__init__.py", "encodings/aliases.py",
    "encodings/ascii.py", "encodings/cp1250.py", "encodings/cp1251.py", "encodings/cp1252.py", "encodings/cp437.py",
    "encodings/cp850.py", "encodings/iso8859_1.py", "encodings/iso8859_15.py", "encodings/iso8859_2.py", "encodings/latin_1.py",
    "encodings/mac_roman.py", "encodings/raw_unicode_escape.py", "encodings/unicode_escape.py", "encodings/utf_16.py",
    "encodings/utf_16_be.py", "encodings/utf_16_le.py", "encodings/utf_32.py", "encodings/utf_8.py", "encodings/utf_8_sig.py",
    "enum.py", "fnmatch.py",
    "fractions.py", "functools.py", "genericpath.py", "glob.py", "graphlib.py", "hashlib.py", "heapq.py", "hmac.py",
    "html", "importlib/__init__.py", "importlib/_abc.py", "importlib/_bootstrap.py", "importlib/_bootstrap_external.py",
    "importlib/machinery.py", "importlib/util.py", "inspect.py", "io.py", "ipaddress.py", "json", "keyword.py", "linecache.py",
    "locale.py", "logging/__init__.py", "ntpath.py", "numbers.py", "opcode.py", "operator.py", "os.py", "pathlib",
    "posixpath.py", "pprint.py", "queue.py", "random.py", "re", "reprlib.py", "secrets.py", "shlex.py", "stat.py",
    "statistics.py", "string", "struct.py", "textwrap.py", "threading.py", "token.py", "tokenize.py", "tomllib", "traceback.py",
    "types.py", "typing.py", "urllib/__init__.py", "urllib/parse.py", "uuid.py", "warnings.py", "weakref.py",
];

/// A module that is imported when something of it is used.
macro_rules! late {
    ($module:literal) => {
        concat!(
            "class _Late:\n    def __getattr__(self, name):\n        import ",
            $module,
            "\n        return getattr(",
            $module,
            ", name)\n",
            $module,
            " = _Late()\n"
        )
    };
}

/// Changes: the module, its text, and the text in its place.
const CHANGES: &[(&str, &str, &str)] = &[
    // A run of the same program gives the same numbers.
    (
        "random.py",
        "        if version == 1 and isinstance(a, (str, bytes)):\n",
        "        if a is None:\n            a = 0\n        if version == 1 and isinstance(a, (str, bytes)):\n",
    ),
    ("logging/__init__.py", "_startTime = time.time_ns()", "_startTime = 0"),
    ("logging/__init__.py", "        ct = time.time_ns()", "        ct = 0"),
    // They take longer to load than all that a usual program needs.
    ("dataclasses.py", "import inspect\n", late!("inspect")),
    ("annotationlib.py", "import ast\n", late!("ast")),
];

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-changed=build.rs");
    let library = Path::new(rustpython_pylib::LIB_PATH);
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("no OUT_DIR"))?);
    let chosen = out.join("library");
    if chosen.exists() {
        fs::remove_dir_all(&chosen)?;
    }
    for module in MODULES {
        copy(&library.join(module), &chosen.join(module))?;
    }
    for (module, text, instead) in CHANGES {
        change(&chosen.join(module), text, instead)?;
    }
    let mut modules = Modules::new();
    freeze(&chosen, "", &mut modules)?;
    let lib = FrozenLib::encode(modules.iter().map(|(name, module)| {
        let code = FrozenCodeObject { bytes: &module.code.bytes };
        (name.as_str(), FrozenModule { code, package: module.package })
    }));
    fs::write(out.join("library.frozen"), lib.bytes)
}

/// Compiles the modules in `folder`, which is the package `package`.
fn freeze(folder: &Path, package: &str, modules: &mut Modules) -> io::Result<()> {
    // Nobody reads their docstrings or columns, which would be half of the library.
    let options = || CompileOpts { optimize: 2, debug_ranges: false, ..CompileOpts::default() };
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let is_package = stem == "__init__";
        let name = match package {
            _ if is_package => package.to_owned(),
            "" => stem.into_owned(),
            _ => format!("{package}.{stem}"),
        };
        if path.is_dir() {
            freeze(&path, &name, modules)?;
            continue;
        }
        let source = fs::read_to_string(&path)?;
        let code = compile(source.trim_start_matches('\u{feff}'), Mode::Exec, &name, options())
            .map_err(|error| io::Error::other(format!("{}: {error}", path.display())))?;
        modules.insert(name, FrozenModule { code: FrozenCodeObject::encode(&code), package: is_package });
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    if from.is_dir() {
        for entry in fs::read_dir(from)? {
            let name = entry?.file_name();
            copy(&from.join(&name), &to.join(&name))?;
        }
        return Ok(());
    }
    if from.extension().is_none_or(|extension| extension != "py") {
        return Ok(());
    }
    let told = |error: io::Error| io::Error::other(format!("{}: {error}", from.display()));
    fs::create_dir_all(to.parent().unwrap_or(to)).map_err(told)?;
    fs::write(to, fs::read(from).map_err(told)?).map_err(told)
}

fn change(module: &Path, text: &str, instead: &str) -> io::Result<()> {
    let source = fs::read_to_string(module)?;
    if source.matches(text).count() != 1 {
        return Err(io::Error::other(format!("{}: not once there: {text}", module.display())));
    }
    fs::write(module, source.replace(text, instead))
}
