(** The Xen that Claims asks, for tests where some answer is another one: it is [include]d, and what
    follows takes the place of its answer. *)

include Xenctrl_claims.Claims.HYPERVISOR with type handle = Xenctrl_claims.Xenctrl.handle
