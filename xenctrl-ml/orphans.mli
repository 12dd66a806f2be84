(** Claims that were left over: their domain is not built, and nobody builds it any more.

    A builder that dies leaves its domain as it was: paused, never started, and with all that it
    still claims (1.10). Xen does not know who builds a domain, so that this is also what a domain
    looks like while it is being built. What tells them apart is time: a builder at work populates,
    which uses up claims.

    Numbers of the form 1.10 are sections of [docs/contract.md]. *)

val candidates : Xenctrl.domain_info list -> Xenctrl.domain_info list
(** [candidates domains] are those of [domains] that claim something, are paused, were never
    started, and are not being destroyed. *)

val unchanged :
  before:Xenctrl.domain_info list -> now:Xenctrl.domain_info list -> Xenctrl.domain_info list
(** [unchanged ~before ~now] are the {!candidates} of [now] that [before] has with the same memory,
    maximum and claims. How long ago [before] has to be is for the caller to know: longer than any
    builder pauses between two calls. *)
