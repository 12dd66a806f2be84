# shellcheck shell=bash
# Is this host good enough by itself?

native_libraries=(threads.posix alcotest cmdliner fmt qcheck-core yojson)

# Prints the first thing that is missing, or nothing.
native_lacks() {
    at_least 5.0 "$(ocamlfind ocamlopt -version 2>/dev/null)" || { echo "this host has no OCaml >= 5.0 with ocamlfind" && return; }
    at_least 3.17 "$(dune --version 2>/dev/null)" || { echo "this host has no dune >= 3.17" && return; }
    at_least 1.85 "$(cargo_version)" || { echo "this host has no cargo >= 1.85" && return; }
    local library
    for library in "${native_libraries[@]}"; do
        ocamlfind query "$library" >/dev/null 2>&1 || { echo "this host has no OCaml library $library" && return; }
    done
}

native_versions() { echo "OCaml $(ocamlfind ocamlopt -version), dune $(dune --version), cargo $(cargo_version)"; }

cargo_version() { cargo --version 2>/dev/null | cut -d' ' -f2; }

# at_least WANTED FOUND
at_least() { [[ -n $2 ]] && printf '%s\n' "$1" "$2" | sort --version-sort --check=quiet; }
