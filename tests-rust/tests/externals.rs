//! The OCaml externals are those of the Rust functions: in the file that is checked in, and type
//! by type.
//!
//! After a change in `ocaml-stubs`: `UPDATE=1 cargo test --test externals`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use quote::ToTokens;
use syn::{
    Attribute, FnArg, GenericArgument, Item, ItemFn, LitStr, PathArguments, ReturnType, Type,
};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn stubs() -> PathBuf {
    repository().join("ocaml-stubs/src")
}

/// Would fail for a function added, renamed or retyped in Rust without the OCaml side.
#[test]
fn the_file_that_is_checked_in_is_the_generated_one() {
    let generated =
        std::env::temp_dir().join(format!("xen-claims-stubs-{}.ml", std::process::id()));
    ocaml_build::Sigs::new(&generated)
        .with_source_dir(stubs())
        .generate()
        .unwrap();
    for extension in ["ml", "mli"] {
        let fresh = generated.with_extension(extension);
        let text = fs::read_to_string(&fresh).unwrap();
        fs::remove_file(&fresh).unwrap();
        let checked_in = repository()
            .join("xenctrl-ml/stubs")
            .with_extension(extension);
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&checked_in, &text).unwrap();
        }
        let found = fs::read_to_string(&checked_in).unwrap_or_default();
        assert!(
            found == text,
            "xenctrl-ml/stubs.{extension} is not what ocaml-stubs/src says; \
             run: UPDATE=1 cargo test --test externals"
        );
    }
}

fn signature(attributes: &[Attribute]) -> Option<String> {
    let sig = attributes.iter().find(|a| a.path().is_ident("sig"))?;
    let text: LitStr = sig.parse_args().ok()?;
    Some(text.value())
}

/// The OCaml type of a Rust one, where `named` are the types that have a signature of their own.
fn ocaml_type(ty: &Type, named: &BTreeMap<String, String>) -> String {
    let Type::Path(path) = ty else {
        assert_eq!(ty.to_token_stream().to_string(), "()");
        return "unit".to_owned();
    };
    let last = path.path.segments.last().unwrap();
    let arguments: Vec<String> = match &last.arguments {
        PathArguments::AngleBracketed(list) => list
            .args
            .iter()
            .filter_map(|argument| match argument {
                GenericArgument::Type(ty) => Some(ocaml_type(ty, named)),
                _ => None,
            })
            .collect(),
        _ => Vec::new(),
    };
    match (last.ident.to_string().as_str(), arguments.as_slice()) {
        ("OCaml" | "DynBox", [inner]) => inner.clone(),
        ("OCamlUniformArray", [inner]) => format!("{inner} array"),
        ("OCamlList", [inner]) => format!("{inner} list"),
        ("Option", [inner]) => format!("{inner} option"),
        ("Result", [ok, error]) => format!("({ok}, {error}) result"),
        ("OCamlInt", []) => "int".to_owned(),
        ("OCamlInt32", []) => "int32".to_owned(),
        ("OCamlInt64", []) => "int64".to_owned(),
        ("String", []) => "string".to_owned(),
        (name, []) => named
            .get(name)
            .unwrap_or_else(|| panic!("no OCaml type for {name}"))
            .clone(),
        (name, _) => panic!("no OCaml type for {name} of {arguments:?}"),
    }
}

fn ocaml_signature(function: &ItemFn, named: &BTreeMap<String, String>) -> String {
    let inputs = function.sig.inputs.iter().skip(1); // the runtime
    let mut types: Vec<String> = inputs
        .map(|input| match input {
            FnArg::Typed(input) => ocaml_type(&input.ty, named),
            FnArg::Receiver(_) => panic!("{} is a method", function.sig.ident),
        })
        .collect();
    match &function.sig.output {
        ReturnType::Type(_, ty) => types.push(ocaml_type(ty, named)),
        ReturnType::Default => panic!("{} returns nothing", function.sig.ident),
    }
    types.join(" -> ")
}

/// Would fail for an `int32` that Rust reads as an `int64`: the generator copies what the
/// attribute says and does not look at the types.
#[test]
fn each_signature_is_that_of_its_function() {
    let mut items = Vec::new();
    for entry in fs::read_dir(stubs()).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        items.extend(syn::parse_file(&text).unwrap().items);
    }
    let mut named = BTreeMap::from([("bool".to_owned(), "bool".to_owned())]);
    for item in &items {
        let (name, attributes) = match item {
            Item::Struct(item) => (&item.ident, &item.attrs),
            Item::Enum(item) => (&item.ident, &item.attrs),
            _ => continue,
        };
        if attributes.iter().any(|a| a.path().is_ident("sig")) {
            let mut ocaml = String::new();
            for (place, letter) in name.to_string().char_indices() {
                if place > 0 && letter.is_uppercase() {
                    ocaml.push('_');
                }
                ocaml.extend(letter.to_lowercase());
            }
            named.insert(name.to_string(), ocaml);
        }
    }
    let mut checked = 0;
    for item in &items {
        let Item::Fn(function) = item else { continue };
        let Some(written) = signature(&function.attrs) else {
            continue;
        };
        assert_eq!(
            written,
            ocaml_signature(function, &named),
            "{}",
            function.sig.ident
        );
        checked += 1;
    }
    assert!(checked > 10, "only {checked} functions have a signature");
}
