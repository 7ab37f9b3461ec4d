-- The words that the filters know, in English.
return {
  boxes = { Predict = 'predict', ['In Python'] = 'in-python', Wrong = 'wrong', Careful = 'careful' },
  answer = 'Answer', -- what is folded under these summaries goes to an appendix where nothing can be folded
  hint = 'Hint',
  exercises = 'Exercises', -- sections of a chapter
  further = 'Further',
}
