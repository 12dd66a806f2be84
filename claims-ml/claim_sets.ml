(** Claim sets for toolstacks, over whatever binding of Xen they have. *)

(* Without this file dune would put all modules in here. *)

module Claims = Claims
