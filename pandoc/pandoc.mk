# How Markdown becomes a book: pages, PDF, EPUB.

##   make html        the pages only
.PHONY: html pdf epub
pdf: $B/interrupted.pdf $B/interrupted-letter.pdf
epub: $B/interrupted.epub

figures := $(wildcard chapters/figures/*)
include pandoc/html/html.mk

listed := $(sources) $(wildcard code/*/*.h)
$B/interrupted.epub: book.md $(chapters) $(figures) $(listed) pandoc/epub/epub.yaml pandoc/epub/epub.css pandoc/epub/cover.svg pandoc/book.lua weave/source.lua pandoc/html/highlight.lua pandoc/appendix.lua
	@mkdir -p $(@D)
	pandoc -d pandoc/epub/epub.yaml book.md -o $@

$B/interrupted.typ: book.md $(chapters) $(figures) $(listed) pandoc/pdf/pdf.yaml pandoc/pdf/typst.lua pandoc/pdf/book.typ pandoc/book.lua weave/source.lua pandoc/html/highlight.lua pandoc/appendix.lua
	@mkdir -p $(@D)
	pandoc -d pandoc/pdf/pdf.yaml book.md -o $@
typeset := pandoc/pdf/typst.mjs pandoc/pdf/c.sublime-syntax pandoc/pdf/code.tmTheme
$B/interrupted.pdf: $B/interrupted.typ $(figures) $(typeset)
	node pandoc/pdf/typst.mjs $< $@
$B/interrupted-letter.pdf: $B/interrupted.typ $(figures) $(typeset)
	node pandoc/pdf/typst.mjs $< $@ us-letter
