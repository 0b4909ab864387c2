# rustc 1.95.0 (59807616e 2026-04-14), LLVM 22.1.2, x86_64-unknown-linux-gnu
give_back:
	pushq	%rbp
	pushq	%r15
	pushq	%r14
	pushq	%r13
	pushq	%r12
	pushq	%rbx
	pushq	%rax
	cmpq	$0, (%rdi)
	je	.LBB4
	movq	360(%rdi), %rbx
	movq	496(%rdi), %rsi
	movzbl	356(%rdi), %eax
	movq	%rbx, %r15
	subq	%rsi, %r15
	negq	%rax
	movl	$4294967295, %r12d
	orq	%rax, %r12
	andq	%r12, %r15
	je	.LBB18
	cmpq	$7, 424(%rdi)
	jne	.LBB3
	movq	416(%rdi), %rax
	movq	%rbx, %rcx
	subq	%rax, %rcx
	andq	%r12, %rcx
	movl	352(%rdi), %r13d
	cmpq	%r13, %rcx
	jbe	.LBB7
	movq	%rsi, %rax
	movq	%rsi, %r14
	movq	%rsi, %rcx
	movq	%rsi, %rdx
	cmpq	%rbx, %rax
	je	.LBB10
.LBB14:
	movq	%rbx, %rcx
	subq	%r14, %rcx
	andq	%r12, %rcx
	movq	%rdi, %rbp
	cmpq	%r15, %rcx
	jbe	.LBB15
	movq	%rbx, %rdx
	callq	*last_two@GOTPCREL(%rip)
	movq	%rax, %rsi
	jmp	.LBB16
.LBB4:
	movl	$0, 24(%rdi)
	movq	360(%rdi), %rsi
	jmp	.LBB5
.LBB3:
	movl	$0, 24(%rdi)
	movq	%rbx, %rsi
	jmp	.LBB5
.LBB7:
	movq	392(%rdi), %rdx
	movq	400(%rdi), %rcx
	movq	408(%rdi), %r14
	cmpq	%rbx, %rax
	jne	.LBB14
.LBB10:
	movq	%rbx, %rax
	subq	%rcx, %rax
	andq	%r12, %rax
	cmpq	%r15, %rax
	cmovaq	%rsi, %rcx
	movq	%r14, %rax
	subq	%rcx, %rax
	testq	%r12, %rax
	je	.LBB11
	movq	%rdi, %rbp
	movq	%rcx, %rsi
	movq	%r14, %rdx
	callq	*last_two@GOTPCREL(%rip)
	movq	%rdx, %rsi
	jmp	.LBB16
.LBB15:
	movq	%rax, %rsi
	movq	%rbx, %rdx
	callq	*last_two@GOTPCREL(%rip)
	cmpq	%rdx, %rax
	cmovneq	%rax, %r14
	movq	%r14, %rsi
	jmp	.LBB16
.LBB11:
	movq	%rdi, %rbp
	movq	%rbx, %rax
	subq	%rdx, %rax
	andq	%r12, %rax
	cmpq	%r15, %rax
	cmovbeq	%rdx, %rsi
.LBB16:
	movq	%rbx, %rax
	subq	%rsi, %rax
	andq	%r12, %rax
	shrl	$3, %r13d
	cmpq	%r13, %rax
	jbe	.LBB17
	movq	%rbp, %rdi
	movl	$0, 24(%rbp)
	movq	%rbx, %rsi
	jmp	.LBB5
.LBB17:
	cmpq	%r15, %rax
	movq	%rbp, %rdi
	jae	.LBB18
.LBB5:
	addq	$8, %rsp
	popq	%rbx
	popq	%r12
	popq	%r13
	popq	%r14
	popq	%r15
	popq	%rbp
	jmpq	*store_published@GOTPCREL(%rip)
.LBB18:
	addq	$8, %rsp
	popq	%rbx
	popq	%r12
	popq	%r13
	popq	%r14
	popq	%r15
	popq	%rbp
	retq
