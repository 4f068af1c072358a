"""LaTeX's names of signs, as the characters that Typst sets them with."""

from __future__ import annotations

from typing import Final


def _pairs(text: str) -> dict[str, str]:
    words = text.split()
    return dict(zip(words[::2], words[1::2], strict=True))


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


LETTERS: Final = _pairs(
    "alpha α beta β gamma γ delta δ epsilon ϵ varepsilon ε zeta ζ eta η theta θ vartheta ϑ iota ι "
    "kappa κ varkappa ϰ lambda λ mu μ nu ν xi ξ omicron ο pi π varpi ϖ rho ρ varrho ϱ sigma σ "
    "varsigma ς tau τ upsilon υ phi ϕ varphi φ chi χ psi ψ omega ω Gamma Γ Delta Δ Theta Θ "
    "Lambda Λ Xi Ξ Pi Π Sigma Σ Upsilon Υ Phi Φ Psi Ψ Omega Ω hbar ℏ ell ℓ Re ℜ Im ℑ wp ℘ "
    "aleph ℵ beth ℶ imath ı jmath ȷ partial ∂ nabla ∇ infty ∞ emptyset ∅ varnothing ∅ "
    "angle ∠ measuredangle ∡ triangle △ square □ Box □ diamond ⋄ bigcirc ◯ blacksquare ■ "
    "top ⊤ bot ⊥ forall ∀ exists ∃ nexists ∄ neg ¬ lnot ¬ prime ′ backprime ‵ degree ° circ ∘ "
    "dagger † ddagger ‡ clubsuit ♣ diamondsuit ♦ heartsuit ♥ spadesuit ♠ flat ♭ natural ♮ sharp ♯ "
    "star ⋆ bigstar ★ checkmark ✓ complement ∁ mho ℧ surd √ S § P ¶ copyright © pounds £ euro € "
    "dots … ldots … cdots ⋯ vdots ⋮ ddots ⋱ dotsc … dotsb ⋯ dotsm ⋯ dotsi ⋯ dotso … "
    "lbrace { rbrace } lbrack [ rbrack ] langle ⟨ rangle ⟩ lfloor ⌊ rfloor ⌋ lceil ⌈ rceil ⌉ "
    "vert | Vert ‖ lvert | rvert | lVert ‖ rVert ‖ backslash ∖ ulcorner ⌜ urcorner ⌝ "
    "llbracket ⟦ rrbracket ⟧ N ℕ Z ℤ Q ℚ R ℝ C ℂ"
)
OPERATORS: Final = _pairs(
    "pm ± mp ∓ times × div ÷ cdot ⋅ cdotp · ast ∗ bullet • oplus ⊕ ominus ⊖ otimes ⊗ oslash ⊘ "
    "odot ⊙ boxplus ⊞ boxtimes ⊠ cup ∪ cap ∩ uplus ⊎ sqcup ⊔ sqcap ⊓ setminus ∖ smallsetminus ∖ "
    "wedge ∧ land ∧ vee ∨ lor ∨ wr ≀ amalg ⨿ ltimes ⋉ rtimes ⋊ bmod mod"
)
RELATIONS: Final = _pairs(
    "leq ≤ le ≤ geq ≥ ge ≥ neq ≠ ne ≠ ll ≪ gg ≫ approx ≈ approxeq ≊ equiv ≡ cong ≅ sim ∼ simeq ≃ "
    "asymp ≍ doteq ≐ propto ∝ varpropto ∝ in ∈ ni ∋ owns ∋ notin ∉ subset ⊂ supset ⊃ subseteq ⊆ "
    "supseteq ⊇ subsetneq ⊊ supsetneq ⊋ sqsubseteq ⊑ sqsupseteq ⊒ mid ∣ nmid ∤ parallel ∥ "
    "nparallel ∦ perp ⟂ prec ≺ succ ≻ preceq ⪯ succeq ⪰ leqslant ⩽ geqslant ⩾ lesssim ≲ "
    "gtrsim ≳ vdash ⊢ dashv ⊣ models ⊨ vDash ⊨ Vdash ⊩ bowtie ⋈ smile ⌣ frown ⌢ "
    "triangleq ≜ coloneqq ≔ coloneq ≔ eqqcolon ≕ lt < gt > colon : "
    "to → rightarrow → leftarrow ← gets ← leftrightarrow ↔ Rightarrow ⇒ Leftarrow ⇐ "
    "Leftrightarrow ⇔ implies ⟹ impliedby ⟸ iff ⟺ longrightarrow ⟶ longleftarrow ⟵ "
    "longleftrightarrow ⟷ Longrightarrow ⟹ Longleftarrow ⟸ Longleftrightarrow ⟺ mapsto ↦ "
    "longmapsto ⟼ hookrightarrow ↪ hookleftarrow ↩ uparrow ↑ downarrow ↓ updownarrow ↕ Uparrow ⇑ "
    "Downarrow ⇓ nearrow ↗ searrow ↘ swarrow ↙ nwarrow ↖ rightharpoonup ⇀ rightharpoondown ⇁ "
    "leftharpoonup ↼ leftharpoondown ↽ rightleftharpoons ⇌ leftrightharpoons ⇋ leadsto ⇝ "
    "rightsquigarrow ⇝ twoheadrightarrow ↠ rightrightarrows ⇉ nrightarrow ↛ nRightarrow ⇏ "
    "therefore ∴ because ∵ nsubseteq ⊈ nsupseteq ⊉ nleq ≰ ngeq ≱ nless ≮ ngtr ≯ nsim ≁ ncong ≇ "
    "trianglelefteq ⊴ trianglerighteq ⊵ vartriangleleft ⊲ vartriangleright ⊳"
)
LARGE: Final = _pairs(
    "sum ∑ prod ∏ coprod ∐ int ∫ iint ∬ iiint ∭ oint ∮ oiint ∯ bigcup ⋃ bigcap ⋂ bigsqcup ⨆ "
    "bigvee ⋁ bigwedge ⋀ bigoplus ⨁ bigotimes ⨂ bigodot ⨀ biguplus ⨄"
)
FUNCTIONS: Final = _words(
    "arccos arcsin arctan arccot arg cos cosh cot coth csc deg dim exp hom ker lg ln log sec sin "
    "sinh tan tanh sgn"
)
LIMITS: Final = {
    **{name: name for name in _words("det gcd inf lim max min Pr sup argmax argmin")},
    "lcm": "lcm",
    "liminf": "lim inf",
    "limsup": "lim sup",
    "injlim": "inj lim",
    "projlim": "proj lim",
}
ACCENTS: Final = {
    "hat": "hat",
    "widehat": "hat",
    "bar": "macron",
    "tilde": "tilde",
    "widetilde": "tilde",
    "vec": "arrow",
    "overrightarrow": "arrow",
    "overleftarrow": "arrow.l",
    "overleftrightarrow": "arrow.l.r",
    "dot": "dot",
    "ddot": "dot.double",
    "dddot": "dot.triple",
    "acute": "acute",
    "grave": "grave",
    "check": "caron",
    "breve": "breve",
    "mathring": "circle",
}
STYLES: Final = {
    "mathbf": "bold(upright({}))",
    "boldsymbol": "bold({})",
    "bm": "bold({})",
    "pmb": "bold({})",
    "symbf": "bold({})",
    "mathrm": "upright({})",
    "mathit": "italic({})",
    "mathnormal": "italic({})",
    "mathsf": "sans({})",
    "mathtt": "mono({})",
    "mathbb": "bb({})",
    "mathcal": "cal({})",
    "mathscr": "scr({})",
    "mathfrak": "frak({})",
    "overline": "overline({})",
    "underline": "underline({})",
    "cancel": "cancel({})",
    "bcancel": "cancel(inverted: #true, {})",
    "xcancel": "cancel(cross: #true, {})",
    "phantom": "hide({})",
    "mathop": "limits({})",
    "mathbin": 'class("binary", {})',
    "mathrel": 'class("relation", {})',
    "mathord": 'class("normal", {})',
    "mathopen": 'class("opening", {})',
    "mathclose": 'class("closing", {})',
    "mathpunct": 'class("punctuation", {})',
    "mathstrut": "{}",
    "ensuremath": "{}",
    "smash": "{}",
    "vcenter": "{}",
}
SPACES: Final = {
    ",": "thin",
    "thinspace": "thin",
    ":": "med",
    ">": "med",
    "medspace": "med",
    ";": "thick",
    "thickspace": "thick",
    " ": "space",
    "quad": "quad",
    "qquad": "wide",
    "enspace": "space",
    "!": "",
    "negthinspace": "",
    "/": "",
}
IGNORED: Final = _words(
    "displaystyle textstyle scriptstyle scriptscriptstyle limits nolimits nonumber notag hline "
    "allowbreak nobreak relax strut mathstrut hfill big Big bigg Bigg bigl bigr Bigl Bigr biggl "
    "biggr Biggl Biggr bigm Bigm biggm Biggm cr noindent centering rm bf it normalsize large "
    "small toprule midrule bottomrule"
)
"""What changes a size or a place only a little, or is nothing to a single formula."""

NEGATED: Final = {
    "=": "≠", "<": "≮", ">": "≯", "∈": "∉", "∋": "∌", "⊂": "⊄", "⊃": "⊅", "⊆": "⊈", "⊇": "⊉",
    "≡": "≢", "∼": "≁", "≈": "≉", "≅": "≇", "≤": "≰", "≥": "≱", "∣": "∤", "∥": "∦", "∃": "∄",
    "→": "↛", "⇒": "⇏",
}  # fmt: skip
MATRICES: Final = {
    "matrix": "#none",
    "smallmatrix": "#none",
    "array": "#none",
    "pmatrix": '"("',
    "bmatrix": '"["',
    "Bmatrix": '"{"',
    "vmatrix": '"|"',
    "Vmatrix": '"||"',
}
ALIGNED: Final = _words(
    "aligned align align* alignat alignat* split gather gather* gathered equation equation* "
    "multline multline* eqnarray eqnarray* displaymath math flalign flalign*"
)
