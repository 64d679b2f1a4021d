"""Pages on which a student learns what frozen teachers say of each video, once for all steps.

Here: votes, timebalance, text_teacher. Not here: pages whose teacher changes with the student.
"""
