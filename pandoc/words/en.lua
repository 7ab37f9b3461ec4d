-- Every word that the book's formats know, in English. Another language is another file of this form, named as `lang`
-- in the title block of its book.md says (zh-Hant.lua), or its first part (en.lua for en-US).
return {
  -- What Markdown says, and the filters understand: the bold labels of boxes, and the kinds of boxes they are; the
  -- summaries of folds that go to an appendix where nothing can be folded; sections of a chapter.
  boxes = { Predict = 'predict', ['In Python'] = 'in-python', Wrong = 'wrong', Careful = 'careful' },
  answer = 'Answer',
  hint = 'Hint',
  exercises = 'Exercises',
  further = 'Further',
  -- A sentence that begins with one of these needs the one before it; see appendix.lua.
  leaning = 'It That This These They So Or And Then There Both Such',

  -- Parts of the book
  preface = 'Preface',
  contents = 'Contents',
  answers = 'Answers and hints',
  glossary = 'Glossary',
  index = 'Index',
  index_calls = 'Calls',
  index_errors = 'Values of errno',
  index_signals = 'Signals, and flags of sigaction',
  chapter = 'chapter', -- 'chapter 3'
  page = 'page',       -- 'page 12'
  back = '(back)',

  -- The EPUB's cover: its subtitle, in lines
  cover_about = 'pipes, processes and signals in C',
  cover_1 = 'Pipes, processes and signals in C,',
  cover_2 = 'told by programs that break',
  cover_3 = 'and programs that don’t',

  -- Pages
  skip = 'Skip to the text',
  previous = 'Previous',
  next = 'Next',
  begin = 'Begin',
  turn = 'Previous and next',
  whole = 'All on one page',
  tested = 'tested',
  figure = 'Figure',
  same_in_words = 'The same in words',
  table = 'Table',
  note = 'Note',
  close = 'Close',

  -- Pages of programs
  skip_program = 'Skip to the program',
  programs = 'Programs',
  tests = 'Tests',
  lines = { '1 line', '%d lines' },
  count_of_tests = { '1 test', '%d tests' },
  about_program = '%s, %s, of the book %s.',
  explained_in_chapter = 'Explained in chapter %s',
  plain_text = 'plain text',

  -- Tools of a page: script.js
  continue = 'Continue: ',
  copy = 'Copy',
  copy_code = 'Copy this code',
  copy_command = 'Copy the command',
  copy_commands = 'Copy the commands',
  copied = 'Copied',
  copy_failed = 'Failed',
  could_not_copy = 'Could not copy',
  theme = 'Theme: ',
  theme_system = 'system',
  theme_dark = 'dark',
  theme_light = 'light',
  shortcuts = 'Keyboard shortcuts',
  keyboard = 'Keyboard',
  key_search = 'search the book',
  key_arrows = 'go through what was found; Enter goes there',
  key_escape = 'leave the search, or this list',
  key_help = 'this list',
  search = 'Search',
  search_label = 'Search the book',
  search_example = 'EINTR, waitpid, a word',
  search_loading = 'Loading …',
  search_failed = 'The search could not be loaded.',

  -- What it finds: search.js
  kind_call = 'call',
  kind_error = 'error number',
  kind_signal = 'signal',
  kind_flag = 'flag',
  kind_program = 'program',
  kind_module = 'module',
  kind_function = 'function',
  kind_tests = 'tests',
  kind_term = 'term',
  tested_in = 'Tested in ',
  explained_in = 'Explained in ',
  used_in = 'Used in ',
  things = 'Things',
  in_the_text = 'In the text',
  result = 'result',
  results = 'results',
  nothing_found = 'Nothing found.',
}
