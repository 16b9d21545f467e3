"""Letters: from what they say (content) and a template's words to PDF (pdf), DOCX (word) and a page (web).

No SQL, clock or bus here: the engine hands in a `LetterContent`, and the number was taken when the letter was signed.
"""
